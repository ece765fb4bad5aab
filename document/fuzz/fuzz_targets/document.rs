#![no_main]
//! Any text is read as a document or rejected. A written document is valid, and stays the same
//! if it is read and written again.

use libfuzzer_sys::fuzz_target;
use xray_document::Document;

fuzz_target!(|text: &str| {
    let Ok(document) = Document::parse(text) else {
        return;
    };
    // A written document may be too large, because a number may be written with more digits.
    let Ok(once) = document.to_json() else { return };
    let again = Document::parse(&once).expect("the first written document is valid");
    let Ok(twice) = again.to_json() else { return };
    let third = Document::parse(&twice)
        .expect("the second written document is valid")
        .to_json();
    // A JSON number cannot represent the exact microseconds of a time beyond the year 2255, so
    // that such a time may change once more. It stays valid.
    if once != twice {
        assert!(third.is_ok());
    }
});
