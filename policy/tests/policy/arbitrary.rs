use proptest::prelude::*;
use serde_json::{Map, Value, json};
use xray_document::limits::MAX_DOCUMENT_BYTES;
use xray_document::{DocumentHead, TraceId};
use xray_policy::{Applied, Filter, Policy};

use crate::filter;

const RULES: &str = r#"
    "annotations": {"allowed": ["tenant", "a*"], "required": ["tenant"], "max_distinct_values": 3},
    "forbidden": ["user", "http.request.client_ip", "metadata.**.body", "**.x"],
    "redact": {"patterns": {"own": "EMP-\\d{2,}"}, "except": ["metadata.free"]},
    "urls": {"templates": ["/users/{name}"]},
    "names": {}
"#;

fn both() -> (Filter, Filter) {
    let mode = |mode: &str| filter(&format!(r#"{{"mode":"{mode}",{RULES}}}"#));
    (mode("audit"), mode("enforce"))
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z /:=@.0-9\"\\\\é\u{1}]{0,30}",
        "(a@b.com|4111111111111111|password=|EMP-12|eyJa.eyJb.c|/items/1|://u:p@h/|token=| ){0,6}",
        Just("ana@example.com".to_owned()),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        text(),
        "(id|name|annotations|subsegments|metadata|user|http|request|url|client_ip|body|x|tenant|password|cause|links)",
    ]
}

/// Any JSON, often with the fields of a document.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(json!(4_111_111_111_111_111_u64)),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 48, 6, |inner| {
        let members = proptest::collection::vec((name(), inner.clone()), 0..6);
        prop_oneof![
            proptest::collection::vec(inner, 0..6).prop_map(Value::from),
            members.prop_map(|members| Value::from(Map::from_iter(members))),
        ]
    })
}

/// A document that X-Ray accepts, with any other fields.
fn document() -> impl Strategy<Value = String> {
    (value(), value(), value()).prop_map(|(annotations, metadata, subsegments)| {
        json!({
            "name": "n", "id": "53995c3f42cd8ad8", "trace_id": "1-5759e988-bd862e3fe1be46a994272793",
            "start_time": 1.5e9, "end_time": 1_500_000_001, "annotations": annotations,
            "metadata": metadata, "subsegments": subsegments,
        })
        .to_string()
    })
}

fn trace() -> Option<TraceId> {
    "1-5759e988-bd862e3fe1be46a994272793".parse().ok()
}

proptest! {
    #[test]
    fn no_text_panics(text in any::<String>(), json in "[\\[\\]{}:,\"\\\\u0-9a-zé@. \n-]{0,60}") {
        let (mut audit, mut enforce) = both();
        for text in [text, json] {
            audit.apply(None, &text);
            enforce.apply(None, &text);
            let _ = Policy::parse(&text);
        }
    }

    #[test]
    fn every_json_text_is_read_and_stays_json(value in value(), pretty in any::<bool>()) {
        let json = if pretty { format!("{value:#}") } else { value.to_string() };
        let (mut audit, mut enforce) = both();
        prop_assert_eq!(audit.apply(trace(), &json), Applied::Unchanged);
        match enforce.apply(trace(), &json) {
            Applied::Unchanged => prop_assert!(audit.to_string().contains(": 0 of 1 ")),
            Applied::Changed(changed) => {
                prop_assert!(audit.to_string().contains(": 1 of 1 "));
                serde_json::from_str::<Value>(&changed).unwrap();
            }
            Applied::Rejected => prop_assert!(false, "rejected {json}"),
        }
        prop_assert_eq!(audit.counts(), {
            let (_, mut again) = both();
            again.apply(trace(), &json);
            again.counts()
        });
    }

}

proptest! {
    // Documents of up to 64 KB take their time.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_document_stays_one_that_x_ray_accepts(document in document(), padding in 0..70_000_usize) {
        let (_, mut enforce) = both();
        let padded = document.replacen(
            r#""name":"n""#,
            &format!(r#""aws":{{"p":"{}"}},"name":"n""#, "a@b.co ".repeat(padding / 7)),
            1,
        );
        for document in [document, padded] {
            let Ok(head) = DocumentHead::parse(&document) else {
                continue;
            };
            if let Applied::Changed(changed) = enforce.apply(trace(), &document) {
                prop_assert!(changed.len() <= MAX_DOCUMENT_BYTES);
                prop_assert_eq!(DocumentHead::parse(&changed), Ok(head));
                prop_assert!(!changed.contains("ana@example.com") || changed.contains("\"free\""));
            }
        }
    }
}
