use xray_document::TraceId;
use xray_policy::Applied;

use crate::{enforce, filter};

#[track_caller]
fn check(rules: &str, cases: &[(&str, &str)]) {
    for (document, expected) in cases {
        assert_eq!(enforce(rules, document), *expected, "{document}");
    }
}

#[test]
fn only_allowed_annotations_stay_in_segments_and_subsegments() {
    check(
        r#""annotations":{"allowed":["tenant","order_*"]}"#,
        &[
            (
                r#"{"annotations":{"tenant":"a","mail":"b","order_id":1,"x":true}}"#,
                r#"{"annotations":{"tenant":"a","order_id":1}}"#,
            ),
            (
                r#"{ "annotations" : { "mail" : "b" , "x" : 1 , "tenant" : "a" } }"#,
                r#"{ "annotations" : {     "tenant" : "a" } }"#,
            ),
            (r#"{"annotations":{"x":1,"y":2}}"#, r#"{"annotations":{}}"#),
            (
                r#"{"subsegments":[{"annotations":{"x":1},"subsegments":[{"annotations":{"x":{},"tenant":1}}]}]}"#,
                r#"{"subsegments":[{"annotations":{},"subsegments":[{"annotations":{"tenant":1}}]}]}"#,
            ),
            // Escapes do not hide a field.
            (
                r#"{"annot\u0061tions":{"x":1,"ten\u0061nt":2}}"#,
                r#"{"annot\u0061tions":{"ten\u0061nt":2}}"#,
            ),
            // Metadata of the same name is no annotation.
            (
                r#"{"metadata":{"annotations":{"x":1}}}"#,
                r#"{"metadata":{"annotations":{"x":1}}}"#,
            ),
        ],
    );
}

#[test]
fn a_forbidden_field_is_removed_wherever_its_path_is() {
    check(
        r#""forbidden":["user","http.request.client_ip","metadata.**.body","cause.exceptions.message"]"#,
        &[
            (
                r#"{"id":"1","user":"u","http":{"request":{"url":"x","client_ip":"1.2.3.4"}}}"#,
                r#"{"id":"1","http":{"request":{"url":"x"}}}"#,
            ),
            (
                r#"{"metadata":{"default":{"a":{"Body":[{"deep":1}],"keep":1}},"body":"x"}}"#,
                r#"{"metadata":{"default":{"a":{"keep":1}}}}"#,
            ),
            (
                r#"{"cause":{"exceptions":[{"id":"1","message":"m"},{"message":"n"}]}}"#,
                r#"{"cause":{"exceptions":[{"id":"1"},{}]}}"#,
            ),
            // The path begins at each subsegment.
            (
                r#"{"subsegments":[{"user":"u","name":"n"}]}"#,
                r#"{"subsegments":[{"name":"n"}]}"#,
            ),
            (r#"{"user":1,"user":2}"#, "{}"),
        ],
    );
}

#[test]
fn a_wildcard_does_not_remove_what_x_ray_requires() {
    check(
        r#""forbidden":["**"]"#,
        &[(
            r#"{"name":"n","id":"1","user":"u","end_time":2,"subsegments":[{"id":"2","sql":{}}]}"#,
            r#"{"name":"n","id":"1","end_time":2,"subsegments":[{"id":"2"}]}"#,
        )],
    );
}

#[test]
fn secrets_and_personal_data_are_replaced_in_every_string_key_and_number() {
    check(
        r#""redact":{"patterns":{"employee":"EMP-\\d{6}"}}"#,
        &[
            (
                r#"{"metadata":{"d":["to ana@example.com, EMP-123456",{"n":4111111111111111}]}}"#,
                r#"{"metadata":{"d":["to [email], [employee]",{"n":"[card_number]"}]}}"#,
            ),
            (
                r#"{"metadata":{"d":{"ana@example.com":1,"dbPassword":"x","token":{"a":1},"cookie":null}}}"#,
                r#"{"metadata":{"d":{"_email_":1,"dbPassword":"[secret]","token":"[secret]","cookie":null}}}"#,
            ),
            (
                r#"{"name":"mail ana@example.com"}"#,
                r#"{"name":"mail _email_"}"#,
            ),
            (
                r#"{"cause":{"exceptions":[{"message":"no user \"ana\u0040example.com\" \ud800"}]}}"#,
                "{\"cause\":{\"exceptions\":[{\"message\":\"no user \\\"[email]\\\" \u{fffd}\"}]}}",
            ),
            (
                r#"{"http":{"request":{"url":"https://h/?access_token=t0ken&x=1"}}}"#,
                r#"{"http":{"request":{"url":"https://h/?access_token=[secret]&x=1"}}}"#,
            ),
            (
                r#"{"metadata":{"log":"Authorization: Bearer abc123.def456"}}"#,
                r#"{"metadata":{"log":"Authorization: [secret]"}}"#,
            ),
        ],
    );
}

#[test]
fn ids_and_times_are_not_taken_for_card_numbers() {
    let document = r#"{"id":"4111111111111111","parent_id":"4111111111111111","start_time":4111111111111111,"precursor_ids":["4111111111111111"],"cause":"4111111111111111","links":[{"id":"4111111111111111"}]}"#;
    check(r#""redact":{}"#, &[(document, document)]);
    check(
        r#""redact":{}"#,
        &[(
            r#"{"cause":{"exceptions":[{"id":"4111111111111111","message":"4111111111111111"}]}}"#,
            r#"{"cause":{"exceptions":[{"id":"4111111111111111","message":"[card_number]"}]}}"#,
        )],
    );
}

#[test]
fn only_the_chosen_detectors_search_and_not_in_excepted_fields() {
    check(
        r#""redact":{"detectors":["email"],"except":["metadata.debug","name"]}"#,
        &[(
            r#"{"name":"db@h.example","metadata":{"debug":{"m":"a@b.com","password":"p"},"m":"a@b.com","n":"4111111111111111"}}"#,
            r#"{"name":"db@h.example","metadata":{"debug":{"m":"a@b.com","password":"p"},"m":"[email]","n":"4111111111111111"}}"#,
        )],
    );
}

#[test]
fn urls_and_names_are_bucketed() {
    check(
        r#""urls":{"templates":["/users/{name}"]},"names":{}"#,
        &[
            (
                r#"{"name":"GET /items/123","http":{"request":{"url":"https://h/items/123?q=1"}}}"#,
                r#"{"name":"GET /items/_id_","http":{"request":{"url":"https://h/items/{id}"}}}"#,
            ),
            (
                r#"{"subsegments":[{"http":{"request":{"url":"https:\/\/h\/users\/ana"}}}]}"#,
                r#"{"subsegments":[{"http":{"request":{"url":"https://h/users/{name}"}}}]}"#,
            ),
            (
                r#"{"metadata":{"url":"https://h/items/123"}}"#,
                r#"{"metadata":{"url":"https://h/items/123"}}"#,
            ),
        ],
    );
}

#[test]
fn a_value_too_deep_to_search_is_removed() {
    let nested = |levels: usize| {
        format!(
            r#"{{"metadata":{}"a@b.com"{},"x":1}}"#,
            "[".repeat(levels),
            "]".repeat(levels)
        )
    };
    let redact = r#""redact":{}"#;
    assert_eq!(
        enforce(redact, &nested(127)),
        nested(127).replace("a@b.com", "[email]")
    );
    let removed = enforce(redact, &nested(30_000));
    assert!(!removed.contains("a@b.com"), "{removed}");
    assert!(removed.ends_with(r#"]]],"x":1}"#), "{removed}");
}

#[test]
fn a_document_stays_within_its_limit() {
    let text = "a@b.co ".repeat(9_000);
    let document = format!(r#"{{"metadata":{{"m":"{text}","password":1}}}}"#);
    let changed = enforce(r#""redact":{}"#, &document);
    assert!(changed.len() <= 64 * 1024, "{}", changed.len());
    assert!(changed.contains("* * *") && !changed.contains('@'));
}

#[test]
fn audit_counts_and_changes_nothing() {
    let mut filter = filter(
        r#"{"mode":"audit","annotations":{"allowed":["t"],"required":["t"],"max_distinct_values":2},"redact":{}}"#,
    );
    let trace = Some(TraceId::random(1_733_337_522));
    for document in [
        r#"{"annotations":{"x":1},"metadata":{"m":"a@b.com c@d.com"}}"#,
        r#"{"metadata":{"m":"a@b.com"}}"#,
        r#"{"name":"n"}"#,
    ] {
        assert_eq!(filter.apply(trace, document), Applied::Unchanged);
    }
    assert_eq!(
        filter.to_string(),
        "policy (audit): 2 of 3 documents would change: annotations.allowed 1, redact email 2, annotations.required t 1 traces without it"
    );
    for n in 0..9 {
        filter.apply(trace, &format!(r#"{{"annotations":{{"t":"{n}"}}}}"#));
    }
    let line = filter.to_string();
    assert!(!line.contains("without it"), "{line}");
    assert!(
        line.ends_with("annotations.max_distinct_values t about 9 values"),
        "{line}"
    );
}

#[test]
fn text_that_is_not_json_does_not_leave() {
    let mut filter = filter(r#"{"mode":"enforce","redact":{}}"#);
    for text in [
        "",
        "{",
        r#"{"a":1"#,
        "{}{}",
        r#"{"a" 1}"#,
        "[1,]",
        "{,}",
        "\u{feff}{}",
    ] {
        assert_eq!(filter.apply(None, text), Applied::Rejected, "{text}");
    }
    assert_eq!(
        filter.to_string(),
        "policy (enforce): 0 of 8 documents changed: 8 could not be read"
    );
}

#[test]
fn a_finding_names_its_path_and_shows_no_value() {
    let mut filter = filter(r#"{"mode":"audit","forbidden":["user"],"redact":{}}"#);
    let mut found = Vec::new();
    filter.apply_with(
        None,
        r#"{"user":"u-1","subsegments":[{"metadata":{"d":{"m":"x a@b.com"}}}]}"#,
        |finding| {
            found.push(format!(
                "{} {} {}",
                finding.rule, finding.path, finding.characters
            ));
        },
    );
    assert_eq!(
        found,
        ["forbidden user user 5", "redact email metadata.d.m 7"]
    );
}
