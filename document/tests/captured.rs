//! Datagrams captured from the official SDKs.
#![allow(clippy::unwrap_used, reason = "a test fails at the first error")]

use xray_document::{AnnotationValue, Cause, Datagram, Document, Namespace, Segment, Subsegment};

fn document(bytes: &[u8]) -> Document {
    match Datagram::parse(bytes).unwrap() {
        Datagram::Document(json) => Document::parse(json).unwrap(),
        signal @ Datagram::Done { .. } => panic!("a signal: {signal:?}"),
    }
}

fn segment(bytes: &[u8]) -> Segment {
    match document(bytes) {
        Document::Segment(segment) => *segment,
        Document::Subsegment(subsegment) => panic!("a subsegment: {subsegment:?}"),
    }
}

fn subsegment(bytes: &[u8]) -> Subsegment {
    match document(bytes) {
        Document::Subsegment(subsegment) => *subsegment,
        Document::Segment(segment) => panic!("a segment: {segment:?}"),
    }
}

fn types(cause: Option<&Cause>) -> Vec<String> {
    match cause {
        Some(Cause::Exceptions(cause)) => cause
            .exceptions
            .iter()
            .filter_map(|exception| exception.kind.clone())
            .collect(),
        other => panic!("no exceptions: {other:?}"),
    }
}

#[test]
fn a_segment_of_the_python_sdk_is_read_completely() {
    let segment = segment(include_bytes!("fixtures/py-segment.bin"));
    assert_eq!(
        (segment.name.as_str(), segment.id.to_string().as_str()),
        ("lab-svc", "e29a3a00a0c907db")
    );
    assert_eq!(
        segment.trace_id.to_string(),
        "1-6b02ceb3-d12661510956fc6bc8f4ae86"
    );
    assert_eq!(segment.start_time.as_micros(), 1_795_346_099_354_582);
    assert!(!segment.is_in_progress() && !segment.fault);
    let http = segment.http.unwrap();
    assert_eq!(http.request.unwrap().method.as_deref(), Some("GET"));
    assert_eq!(http.response.unwrap().status, Some(200));
    assert_eq!(segment.annotations["user"], AnnotationValue::from("alice"));
    assert_eq!(segment.metadata["ns"].get(), r#"{"k": {"a": [1, 2]}}"#);
    let service = segment.service.unwrap();
    assert_eq!(service.runtime.as_deref(), Some("CPython"));
    let xray: serde_json::Value = segment.aws.get("xray").unwrap();
    assert_eq!(xray["sdk"], "X-Ray for Python");

    let [work, call] = segment.subsegments.as_slice() else {
        panic!("{:?}", segment.subsegments)
    };
    assert_eq!(
        (work.name.as_str(), work.namespace),
        ("work", None),
        "`local` reads as no namespace"
    );
    assert_eq!(work.annotations["n"], AnnotationValue::from(1));
    assert_eq!(
        work.parent_id,
        Some(segment.id),
        "the Python SDK repeats it on embedded subsegments"
    );
    assert_eq!(
        (call.namespace, call.fault),
        (Some(Namespace::Remote), true)
    );
    assert_eq!(types(call.cause.as_ref()), ["ConnectionRefusedError"]);
}

#[test]
fn a_segment_of_the_node_sdk_is_read_completely() {
    let segment = segment(include_bytes!("fixtures/node-plain-1.bin"));
    assert_eq!(segment.name, "node-svc");
    assert_eq!(
        segment.service.unwrap().runtime_version.as_deref(),
        Some("v20.20.2")
    );
    let [work, fails, call] = segment.subsegments.as_slice() else {
        panic!("{:?}", segment.subsegments)
    };
    assert_eq!(
        (work.name.as_str(), work.trace_id, work.parent_id),
        ("work", None, None)
    );
    assert_eq!(types(fails.cause.as_ref()), ["TypeError"]);
    let Some(Cause::Exceptions(cause)) = &fails.cause else {
        panic!()
    };
    assert_eq!(cause.working_directory.as_deref(), Some("/var/task"));
    let stack = &cause.exceptions[0].stack;
    assert_eq!(
        (stack.len(), stack[0].line, stack[9].line),
        (10, Some(6), None),
        "frames of Node.js itself have `line: null`"
    );
    assert_eq!(
        call.http
            .as_ref()
            .unwrap()
            .request
            .as_ref()
            .unwrap()
            .url
            .as_deref(),
        Some("http://127.0.0.1/none")
    );
    assert!(call.fault && !call.error);
}

#[test]
fn in_lambda_each_subsegment_is_an_independent_document() {
    for (inner, outer) in [
        (
            include_bytes!("fixtures/py-lambda-1.bin").as_slice(),
            include_bytes!("fixtures/py-lambda-2.bin").as_slice(),
        ),
        (
            include_bytes!("fixtures/node-lambda-1.bin"),
            include_bytes!("fixtures/node-lambda-2.bin"),
        ),
    ] {
        let (inner, outer) = (subsegment(inner), subsegment(outer));
        assert_eq!(
            (inner.name.as_str(), outer.name.as_str()),
            ("inner", "handler-work")
        );
        assert_eq!(inner.parent_id, Some(outer.id));
        assert_eq!(outer.parent_id.unwrap().to_string(), "53995c3f42cd8ad8");
        for subsegment in [&inner, &outer] {
            assert_eq!(
                subsegment.trace_id.unwrap().to_string(),
                "1-5759e988-bd862e3fe1be46a994272793"
            );
            assert!(!subsegment.is_in_progress());
        }
        assert_eq!(outer.annotations["user"], AnnotationValue::from("bob"));
    }
}

#[test]
fn an_aws_sdk_call_keeps_its_operation_table_and_region() {
    let call = subsegment(include_bytes!("fixtures/py-lambda-3.bin"));
    assert_eq!(
        (call.name.as_str(), call.namespace),
        ("dynamodb", Some(Namespace::Aws))
    );
    assert_eq!(call.aws.str("operation").as_deref(), Some("PutItem"));
    assert_eq!(call.aws.str("table_name").as_deref(), Some("t"));
    assert_eq!(call.aws.str("region").as_deref(), Some("us-east-1"));
}

#[test]
fn an_sdks_document_is_written_without_loss() {
    for bytes in [
        include_bytes!("fixtures/py-segment.bin").as_slice(),
        include_bytes!("fixtures/py-lambda-1.bin"),
        include_bytes!("fixtures/py-lambda-2.bin"),
        include_bytes!("fixtures/py-lambda-3.bin"),
        include_bytes!("fixtures/node-plain-1.bin"),
        include_bytes!("fixtures/node-lambda-1.bin"),
        include_bytes!("fixtures/node-lambda-2.bin"),
    ] {
        let json = document(bytes).to_json().unwrap();
        assert_eq!(Document::parse(&json).unwrap().to_json().unwrap(), json);
        let sent = bytes.split(|&byte| byte == b'\n').nth(1).unwrap();
        let sent: serde_json::Value = serde_json::from_slice(sent).unwrap();
        assert_contains(&serde_json::from_str(&json).unwrap(), &sent);
    }
}

/// Asserts that `written` has every value of `sent`. It may lack `false`, `null`,
/// `namespace: local` and digits beyond the microsecond, because they carry no information.
fn assert_contains(written: &serde_json::Value, sent: &serde_json::Value) {
    use serde_json::Value;
    match (written, sent) {
        (Value::Object(written), Value::Object(sent)) => {
            for (name, value) in sent {
                let may_be_missing =
                    value == &Value::Bool(false) || value.is_null() || value == "local";
                match written.get(name) {
                    Some(written) => assert_contains(written, value),
                    None => assert!(may_be_missing, "{name}: {value} is lost"),
                }
            }
        }
        (Value::Array(written), Value::Array(sent)) => {
            assert_eq!(sent.len(), written.len());
            written
                .iter()
                .zip(sent)
                .for_each(|(written, sent)| assert_contains(written, sent));
        }
        (Value::Number(written), Value::Number(sent)) => {
            let difference = sent.as_f64().unwrap() - written.as_f64().unwrap();
            assert!(difference.abs() < 1e-6, "{sent} became {written}");
        }
        _ => assert_eq!(written, sent),
    }
}
