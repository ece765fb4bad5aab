#![no_main]
//! Any text is read as a policy or rejected with a place, and a policy that is read can be
//! applied.

use libfuzzer_sys::fuzz_target;
use xray_policy::{Filter, Policy};

const DOCUMENT: &str = r#"{"name":"GET /items/123","annotations":{"tenant":"a"},"metadata":{"d":{"m":"a@b.com password=x"}},"http":{"request":{"url":"https://u:p@h/items/123?q=1"}}}"#;

fuzz_target!(|text: &str| {
    match Policy::parse(text) {
        Ok(policy) => {
            Filter::new(policy).apply(None, DOCUMENT);
        }
        Err(error) => assert!(!error.problems.is_empty()),
    }
});
