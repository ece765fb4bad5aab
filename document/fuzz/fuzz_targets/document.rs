#![no_main]
//! Any text is a document or is refused; what is written of a document is a document, and
//! stays as it is when it is read and written again.

use libfuzzer_sys::fuzz_target;
use xray_document::Document;

fuzz_target!(|text: &str| {
    let Ok(document) = Document::parse(text) else {
        return;
    };
    // Too large once its numbers are written out, at most.
    let Ok(once) = document.to_json() else { return };
    let again = Document::parse(&once).expect("what was written is a document");
    let Ok(twice) = again.to_json() else { return };
    let third = Document::parse(&twice).expect("and so is this").to_json();
    // Times beyond the year 2255 have no exact microseconds as JSON numbers: they may move
    // once more, but stay times.
    if once != twice {
        assert!(third.is_ok());
    }
});
