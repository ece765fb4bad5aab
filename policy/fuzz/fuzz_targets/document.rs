#![no_main]
//! Any text is filtered or rejected. JSON stays JSON, and does not grow over X-Ray's limit.

use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;
use xray_policy::{Applied, Filter, Policy};

const POLICY: &str = r#"{"mode":"enforce",
    "annotations":{"allowed":["tenant","a*"],"required":["tenant"],"max_distinct_values":3},
    "forbidden":["user","metadata.**.body","**.x"],
    "redact":{"patterns":{"own":"EMP-\\d{2,}"},"except":["metadata.free"]},
    "urls":{"templates":["/users/{name}"]},"names":{}}"#;

const MAX_DOCUMENT_BYTES: usize = 64 * 1024;

fuzz_target!(|text: &str| {
    let policy = Policy::parse(POLICY).expect("the policy is right");
    let is_json = |text: &str| serde_json::from_str::<&RawValue>(text).is_ok();
    match Filter::new(policy).apply(None, text) {
        Applied::Unchanged => {}
        Applied::Changed(changed) => {
            assert!(changed.len() <= text.len().max(MAX_DOCUMENT_BYTES));
            assert!(is_json(&changed) || !is_json(text));
        }
        Applied::Rejected => assert!(!is_json(text)),
    }
});
