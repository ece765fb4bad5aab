#![no_main]
//! Any text is read as a document or rejected. A written document is valid, and stays the same
//! if it is read and written again.

use libfuzzer_sys::fuzz_target;
use xray_document::Document;

fuzz_target!(|text: &str| {
    let Ok(document) = Document::parse(text) else {
        return;
    };
    // Writing may add digits to a number, or the field `in_progress`, so that the document
    // becomes too large.
    let Ok(first_json) = document.to_json() else {
        return;
    };
    let first = Document::parse(&first_json).expect("the first written document is valid");
    if numbers(&first_json).all(is_exact) {
        assert_eq!(first.to_json().as_deref(), Ok(first_json.as_str()));
        return;
    }
    // A number that is read inexactly may change each time, and may add digits again.
    let Ok(second_json) = first.to_json() else {
        return;
    };
    let second = Document::parse(&second_json).expect("the second written document is valid");
    if let Ok(third_json) = second.to_json() {
        Document::parse(&third_json).expect("the third written document is valid");
    }
});

/// Parts of the text that look like numbers, those in strings and ids included.
fn numbers(json: &str) -> impl Iterator<Item = &str> {
    json.split(|c: char| !matches!(c, '0'..='9' | '.' | 'e' | '+' | '-'))
        .filter(|part| part.parse::<f64>().is_ok())
}

/// Returns `true` if the number stays the same if it is read and written.
///
/// `serde_json` reads decimals exactly if their digits form an integer up to 2^53; otherwise
/// the last place may be wrong. A time is kept in whole microseconds; from 2^32 seconds on
/// (year 2106), an f64 of its seconds cannot represent each of them.
fn is_exact(number: &str) -> bool {
    const MAX_DIGITS: u64 = 1 << 53;
    const MAX_SECONDS: f64 = (1_u64 << 32) as f64;
    let digits = number.trim_start_matches('-').replace('.', "");
    digits.parse().is_ok_and(|digits: u64| digits <= MAX_DIGITS)
        && number
            .parse()
            .is_ok_and(|value: f64| value.abs() < MAX_SECONDS)
}
