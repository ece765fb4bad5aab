//! The examples in docs/policy.md.

use xray_policy::{Applied, Filter, Policy};

const DOCS: &str = include_str!("../../../docs/policy.md");

/// The code block after a marker.
fn example(marker: &str) -> &'static str {
    let (_, after) = DOCS.split_once(&format!("<!-- {marker} -->\n")).unwrap();
    let (_, code) = after.split_once("```json\n").unwrap();
    code.split_once("\n```").unwrap().0
}

#[test]
fn the_example_does_what_the_page_says() {
    let mut filter = Filter::new(Policy::parse(example("policy")).unwrap());
    let before = example("before");
    let Applied::Changed(after) = filter.apply(None, before) else {
        panic!("unchanged")
    };
    // Nothing is left to change.
    assert_eq!(filter.apply(None, &after), Applied::Unchanged);
    assert_eq!(
        after,
        example("after"),
        "the document after the policy is:\n{after}\n"
    );
}

#[test]
fn the_page_lists_every_detector() {
    let error = Policy::parse(r#"{"mode":"audit","redact":{"detectors":["zebra"]}}"#).unwrap_err();
    let (_, detectors) = error.problems[0].message.split_once("there are ").unwrap();
    for detector in detectors.split(", ") {
        assert!(DOCS.contains(&format!("| `{detector}` |")), "{detector}");
    }
}
