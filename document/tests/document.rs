//! Reading and writing of documents: any text is read or rejected, and a written document is
//! valid.
#![allow(clippy::unwrap_used, reason = "a test fails at the first error")]

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use xray_document::limits::MAX_DOCUMENT_BYTES;
use xray_document::{
    Annotations, Cause, Document, ErrorCode, Exception, Link, Segment, SegmentId, Subsegment,
    Timestamp, TraceId, is_annotation_key, sanitize_name,
};

const OPTIONAL: [&str; 22] = [
    "end_time",
    "in_progress",
    "error",
    "throttle",
    "fault",
    "cause",
    "http",
    "aws",
    "annotations",
    "metadata",
    "origin",
    "resource_arn",
    "user",
    "service",
    "links",
    "inferred",
    "namespace",
    "precursor_ids",
    "sql",
    "Dummy",
    "type",
    "anything",
];

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        // Up to ten digits, because serde_json may read a longer fraction with an error in the
        // last place.
        any::<i32>().prop_map(|number| Value::from(f64::from(number) / 1e3)),
        "\\PC{0,10}".prop_map(Value::from),
        "[0-9a-f]{16}|aws|remote|subsegments|1-[0-9a-f]{8}-[0-9a-f]{24}|GET|200"
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let key = "[a-z_]{1,5}|exceptions|id|message|stack|request|response|status|url|trace_id|attributes|\\PC{0,4}";
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((key, inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn optional_fields() -> impl Strategy<Value = Map<String, Value>> {
    let field = (
        proptest::sample::select(OPTIONAL.as_slice()).prop_map(str::to_owned),
        value(),
    );
    proptest::collection::vec(field, 0..8).prop_map(|fields| fields.into_iter().collect())
}

/// Epoch seconds up to the year 2096. An f64 keeps their microseconds.
fn time() -> impl Strategy<Value = f64> {
    prop_oneof![0.0..4e9, (0_u32..4_000_000_000).prop_map(f64::from)]
}

/// A segment or subsegment with valid mandatory fields; the other fields may be anything.
fn entity(name: impl Strategy<Value = String>) -> impl Strategy<Value = Map<String, Value>> {
    (optional_fields(), name, any::<u64>(), time()).prop_map(|(mut fields, name, id, time)| {
        fields.insert("name".to_owned(), name.into());
        fields.insert("id".to_owned(), SegmentId::from_u64(id).to_string().into());
        fields.insert("start_time".to_owned(), time.into());
        fields
    })
}

fn document() -> impl Strategy<Value = Map<String, Value>> {
    let children = entity("\\PC{0,10}".boxed())
        .prop_map(Value::Object)
        .prop_recursive(3, 12, 3, |inner| {
            (entity("\\PC{0,10}"), proptest::collection::vec(inner, 0..3)).prop_map(
                |(mut parent, children)| {
                    parent.insert("subsegments".to_owned(), children.into());
                    Value::Object(parent)
                },
            )
        });
    let top = entity("[\\p{L}\\p{N} _.:/%&#=+\\\\@-]{1,200}");
    let independent = any::<bool>();
    (
        top,
        any::<u128>(),
        any::<u64>(),
        independent,
        proptest::option::of(proptest::collection::vec(children, 0..3)),
    )
        .prop_map(
            |(mut document, trace_id, parent_id, independent, children)| {
                document.insert(
                    "trace_id".to_owned(),
                    TraceId::from_u128(trace_id).to_string().into(),
                );
                if independent {
                    document.insert("type".to_owned(), "subsegment".into());
                    document.insert(
                        "parent_id".to_owned(),
                        SegmentId::from_u64(parent_id).to_string().into(),
                    );
                } else if document
                    .get("type")
                    .is_some_and(|kind| kind == "subsegment")
                {
                    document.remove("type");
                }
                if let Some(children) = children {
                    document.insert("subsegments".to_owned(), children.into());
                }
                document
            },
        )
}

proptest! {
    #[test]
    fn a_document_is_read_whatever_its_optional_fields_are(document in document()) {
        let json = Value::Object(document.clone()).to_string();
        prop_assume!(json.len() <= MAX_DOCUMENT_BYTES);
        let read = Document::parse(&json);
        prop_assert!(read.is_ok(), "{:?} of {}", read, json);
        let read = read.unwrap();
        prop_assert_eq!(read.id().to_string(), document["id"].as_str().unwrap());
        prop_assert_eq!(read.trace_id().unwrap().to_string(), document["trace_id"].as_str().unwrap());
        let independent = matches!(read, Document::Subsegment(_));
        prop_assert_eq!(independent, document.get("type").is_some_and(|kind| kind == "subsegment"));
    }

    #[test]
    fn a_written_document_is_valid_and_reads_back_the_same(document in document()) {
        let Ok(read) = Document::parse(&Value::Object(document).to_string()) else { return Ok(()) };
        let written = read.to_json().unwrap();
        let again = Document::parse(&written);
        prop_assert!(again.is_ok(), "{:?} of {}", again, written);
        prop_assert_eq!(again.unwrap().to_json().unwrap(), written.clone());
        assert_valid(&serde_json::from_str(&written).unwrap())?;
    }

    #[test]
    fn any_text_is_read_or_rejected(text in "\\PC{0,100}|(\\[|\\{|\\}|\\]|\"[a-z_]{0,10}\"|:|,|1|null| ){0,40}") {
        let _ = Document::parse(&text);
    }

    #[test]
    fn any_json_is_read_or_rejected(value in value()) {
        let _ = Document::parse(&value.to_string());
    }

    #[test]
    fn the_error_names_the_mandatory_field_that_is_missing_or_invalid(
        mut document in document(),
        which in 0_usize..5,
        wrong in proptest::option::of(value()),
    ) {
        let (field, missing, invalid) = [
            ("id", ErrorCode::MissingId, ErrorCode::InvalidId),
            ("trace_id", ErrorCode::MissingTraceId, ErrorCode::InvalidTraceId),
            ("name", ErrorCode::MissingName, ErrorCode::InvalidName),
            ("start_time", ErrorCode::MissingStartTime, ErrorCode::InvalidTime),
            ("parent_id", ErrorCode::MissingParentId, ErrorCode::InvalidParentId),
        ][which];
        // Only an independent subsegment needs a parent id.
        prop_assume!(field != "parent_id" || document.get("type").is_some_and(|kind| kind == "subsegment"));
        let expected = match wrong {
            None | Some(Value::Null) => missing,
            Some(_) => invalid,
        };
        document.remove(field);
        if let Some(wrong) = wrong {
            document.insert(field.to_owned(), wrong);
        }
        let json = Value::Object(document).to_string();
        prop_assume!(json.len() <= MAX_DOCUMENT_BYTES);
        // A random value may be valid.
        if let Err(error) = Document::parse(&json) {
            prop_assert_eq!(error.code, expected, "{}", error);
        }
    }

    #[test]
    fn a_sanitized_name_is_valid_and_stays_the_same(name in "\\PC{0,300}") {
        let valid = sanitize_name(&name).into_owned();
        prop_assert_eq!(sanitize_name(&valid).into_owned(), valid.clone());
        let json = json!({ "name": valid, "id": "0a1b2c3d4e5f6071", "start_time": 1, "trace_id": "1-6750a1b2-00112233445566778899aabb" });
        prop_assert!(Document::parse(&json.to_string()).is_ok());
    }

    #[test]
    fn a_time_reads_back_to_the_microsecond(micros in 0_i64..4_000_000_000_000_000) {
        let time = Timestamp::from_micros(micros);
        let json = serde_json::to_string(&time).unwrap();
        prop_assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), time);
    }

    #[test]
    fn any_number_is_a_time_or_rejected(seconds in any::<f64>()) {
        let time = Timestamp::from_seconds(seconds);
        prop_assert!(time.is_some() || !seconds.is_finite() || seconds.abs() > 1e12);
    }
}

fn assert_valid(entity: &Value) -> Result<(), TestCaseError> {
    prop_assert!(
        entity.get("end_time").is_some() != (entity.get("in_progress") == Some(&json!(true))),
        "{}",
        entity
    );
    let name = entity["name"].as_str().unwrap();
    prop_assert_eq!(sanitize_name(name), name);
    let annotations = entity.get("annotations").and_then(Value::as_object);
    for (key, value) in annotations.into_iter().flatten() {
        prop_assert!(is_annotation_key(key), "{}", key);
        prop_assert!(value.is_boolean() || value.is_number() || value.is_string());
    }
    let namespace = entity.get("namespace").and_then(Value::as_str);
    prop_assert!(namespace.is_none_or(|namespace| ["aws", "remote"].contains(&namespace)));
    let children = entity.get("subsegments").and_then(Value::as_array);
    children.into_iter().flatten().try_for_each(assert_valid)
}

const MANDATORY: &str = r#""name":"n","id":"0a1b2c3d4e5f6071","trace_id":"1-6750a1b2-00112233445566778899aabb","start_time":1"#;

/// The exceptions of a segment with this `cause`.
fn exceptions(cause: &Value) -> Vec<Exception> {
    let json = format!("{{{MANDATORY},\"fault\":true,\"cause\":{cause}}}");
    let Document::Segment(segment) = Document::parse(&json).unwrap() else {
        panic!("a subsegment: {json}");
    };
    match segment.cause {
        Some(Cause::Exceptions(cause)) => cause.exceptions,
        other => panic!("{other:?} of {json}"),
    }
}

#[test]
fn a_malformed_field_of_an_exception_is_left_out_and_the_others_are_kept() {
    let exceptions = exceptions(&json!({
        "working_directory": 7,
        "paths": [1, "/var/task"],
        "exceptions": [
            { "id": "0000000000000001", "type": "A", "message": ["m"], "remote": "yes", "truncated": {},
              "cause": "x", "stack": [{ "path": 1, "line": "88", "label": "query" }, "frame"] },
            { "id": "short", "type": "B" },
            { "id": "0000000000000003", "type": "C", "message": "m", "stack": null },
        ],
    }));
    let [first, third] = exceptions.as_slice() else {
        panic!("{exceptions:?}")
    };
    assert_eq!(first.kind.as_deref(), Some("A"));
    assert_eq!(
        (&first.message, first.remote, first.cause),
        (&None, None, None)
    );
    let [frame] = first.stack.as_slice() else {
        panic!("{:?}", first.stack)
    };
    assert_eq!(
        (frame.line, frame.label.as_deref()),
        (Some(88), Some("query"))
    );
    assert_eq!(third.message.as_deref(), Some("m"));
}

#[test]
fn a_malformed_field_of_sql_or_service_is_left_out_and_the_others_are_kept() {
    let json = format!(
        r#"{{{MANDATORY},"service":{{"version":7,"runtime":"rust"}},"subsegments":[{{{MANDATORY},
            "sql":{{"url":["u"],"user":null,"sanitized_query":"SELECT 1"}}}}]}}"#
    );
    let Document::Segment(segment) = Document::parse(&json).unwrap() else {
        panic!("a subsegment: {json}");
    };
    let service = segment.service.unwrap();
    assert_eq!(
        (service.version, service.runtime.as_deref()),
        (None, Some("rust"))
    );
    let sql = segment.subsegments[0].sql.clone().unwrap();
    assert_eq!(
        (sql.url, sql.sanitized_query.as_deref()),
        (None, Some("SELECT 1"))
    );
}

#[test]
fn deeply_nested_json_is_read_or_rejected() {
    for depth in [200, 10_000] {
        for (open, close) in [
            ("[", "]"),
            ("{\"a\":", "}"),
            ("{\"subsegments\":[", "]}"),
            ("{\"cause\":", "}"),
        ] {
            let deep = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            let _ = Document::parse(&deep);
            let _ = Document::parse(&open.repeat(depth));
            for field in OPTIONAL.iter().copied().chain([
                "subsegments",
                "name",
                "id",
                "start_time",
                "trace_id",
                "parent_id",
            ]) {
                let _ = Document::parse(&format!("{{{MANDATORY},\"{field}\":{deep}}}"));
                let _ = Document::parse(&format!("{{{MANDATORY},\"{field}\":{{\"k\":{deep}}}}}"));
            }
        }
    }
}

#[test]
fn a_million_brackets_are_rejected() {
    for open in ["[", "{\"a\":", "{\"subsegments\":["] {
        let deep = open.repeat(1_000_000);
        assert!(Document::parse(&deep).is_err());
        assert!(Document::parse(&format!("{{{MANDATORY},\"subsegments\":{deep}")).is_err());
    }
}

/// A segment with one subsegment, both with this name, without other optional fields.
fn segment_with_subsegment(name: &str) -> Segment {
    let (id, time) = (SegmentId::from_u64(1), Timestamp::default());
    let mut segment = Segment::new(name, TraceId::from_u128(1), id, time);
    segment.subsegments.push(Subsegment::new(name, id, time));
    segment
}

fn written(segment: Segment) -> String {
    Document::Segment(Box::new(segment)).to_json().unwrap()
}

#[test]
fn an_invalid_character_of_a_name_is_written_as_an_underscore_in_subsegments_too() {
    let json = written(segment_with_subsegment("orders@db?"));
    assert_eq!(json.matches("\"name\":\"orders@db_\"").count(), 2, "{json}");
}

#[test]
fn an_annotation_with_an_invalid_key_is_left_out_in_subsegments_too() {
    let annotations: Annotations = [
        ("aws:api_id".to_owned(), "abcdefghij".into()),
        ("not a key".to_owned(), "left out".into()),
    ]
    .into();
    let mut segment = segment_with_subsegment("n");
    segment.subsegments[0].annotations = annotations.clone();
    segment.annotations = annotations;
    let json = written(segment);
    assert_eq!(
        json.matches("\"annotations\":{\"aws:api_id\":\"abcdefghij\"}")
            .count(),
        2,
        "{json}"
    );
}

#[test]
fn links_beyond_the_first_20_are_left_out() {
    let mut segment = segment_with_subsegment("n");
    segment.links = (1..=25)
        .map(|number| Link {
            trace_id: TraceId::from_u128(1),
            id: SegmentId::from_u64(number),
            attributes: Annotations::new(),
        })
        .collect();
    let json: Value = serde_json::from_str(&written(segment)).unwrap();
    let links = json["links"].as_array().unwrap();
    assert_eq!(links.len(), 20);
    assert_eq!(links[19]["id"], "0000000000000014");
}

#[test]
fn an_empty_name_is_written_as_unknown_in_subsegments_too() {
    for name in ["", "  "] {
        let json = written(segment_with_subsegment(name));
        assert_eq!(json.matches("\"name\":\"unknown\"").count(), 2, "{json}");
    }
}

#[test]
fn values_of_metadata_and_aws_may_be_deeply_nested() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let json = format!(
        "{{{MANDATORY},\"metadata\":{{\"debug\":{deep}}},\"aws\":{{\"k\":{deep}}},\"end_time\":2}}"
    );
    let document = Document::parse(&json).unwrap();
    let written = document.to_json().unwrap();
    assert_eq!(written.matches(&deep).count(), 2);
    assert!(Document::parse(&written).is_ok());
}

#[test]
fn subsegments_may_be_nested_50_levels_deep() {
    let mut json = String::new();
    for _ in 0..50 {
        json += &format!(",\"end_time\":2,\"subsegments\":[{{{MANDATORY}");
    }
    let json = format!("{{{MANDATORY}{json}{}}}", "}]".repeat(50));
    let document = Document::parse(&json).unwrap();
    let written = document.to_json().unwrap();
    assert_eq!(written.matches("\"subsegments\"").count(), 50);
    assert_eq!(
        Document::parse(&written).unwrap().to_json().unwrap(),
        written
    );
}

#[test]
fn a_document_over_64_kb_is_neither_read_nor_written() {
    let with = |bytes: usize| format!("{{{MANDATORY},\"user\":\"{}\"}}", "a".repeat(bytes));
    let fits = with(MAX_DOCUMENT_BYTES - with(0).len());
    assert!(Document::parse(&fits).is_ok());
    let error = Document::parse(&with(MAX_DOCUMENT_BYTES)).unwrap_err();
    assert_eq!(error.code, ErrorCode::SegmentTooLarge);
    assert_eq!(error.id.unwrap().to_string(), "0a1b2c3d4e5f6071");

    let mut segment = Segment::new(
        "n",
        TraceId::from_u128(1),
        SegmentId::from_u64(1),
        Timestamp::default(),
    );
    segment.user = Some("a".repeat(MAX_DOCUMENT_BYTES));
    let error = Document::Segment(Box::new(segment)).to_json().unwrap_err();
    assert_eq!(error.code, ErrorCode::SegmentTooLarge);
}

#[test]
fn an_independent_subsegment_is_written_only_with_trace_id_and_parent_id() {
    let subsegment = Subsegment::new("n", SegmentId::from_u64(1), Timestamp::default());
    let code = |subsegment: &Subsegment| {
        Document::Subsegment(Box::new(subsegment.clone()))
            .to_json()
            .unwrap_err()
            .code
    };
    assert_eq!(code(&subsegment), ErrorCode::MissingTraceId);
    let mut with_trace = subsegment;
    with_trace.trace_id = Some(TraceId::from_u128(1));
    assert_eq!(code(&with_trace), ErrorCode::MissingParentId);
}
