//! Golden files: the documents that are written, compared as JSON values. A change of one is
//! reviewed like code.
#![allow(clippy::unwrap_used, reason = "a test fails at the first error")]

use std::time::Duration;

use serde_json::{Value, json};
use xray_document::{
    Cause, Document, Exception, Exceptions, Http, HttpRequest, HttpResponse, Link, Namespace,
    Segment, SegmentId, Service, Sql, StackFrame, Subsegment, Timestamp, TraceId,
};

const TRACE: TraceId = TraceId::from_u128(0x6750_a1b2_0011_2233_4455_6677_8899_aabb);

fn id(bits: u64) -> SegmentId {
    SegmentId::from_u64(bits)
}

/// The time `milliseconds` after the start of the trace.
fn at(milliseconds: u64) -> Timestamp {
    Timestamp::from_micros(1_733_337_522_125_000) + Duration::from_millis(milliseconds)
}

fn raw(value: &Value) -> Box<serde_json::value::RawValue> {
    serde_json::value::to_raw_value(value).unwrap()
}

/// Asserts that the document is written as `golden`, and that `golden` reads as the document.
fn assert_golden(document: &Document, golden: &str) {
    let written = document.to_json().unwrap();
    let expected: Value = serde_json::from_str(golden).unwrap();
    assert_eq!(
        serde_json::from_str::<Value>(&written).unwrap(),
        expected,
        "written: {written}"
    );
    assert_eq!(Document::parse(golden).unwrap().to_json().unwrap(), written);
}

#[test]
fn an_api_gateway_stage_is_written_with_its_call_of_a_function() {
    let mut stage = Segment::new("demo/Prod", TRACE, id(0x0a1b_2c3d_4e5f_6071), at(0));
    stage.end_time = Some(at(355));
    stage.parent_id = Some(id(0x5399_5c3f_42cd_8ad8));
    stage.origin = Some("AWS::ApiGateway::Stage".to_owned());
    stage.resource_arn =
        Some("arn:aws:apigateway:us-east-1::/restapis/abcdefghij/stages/Prod".to_owned());
    stage.error = true;
    stage.throttle = true;
    stage.http = Some(Http {
        request: Some(HttpRequest {
            method: Some("POST".to_owned()),
            url: Some(
                "https://abcdefghij.execute-api.us-east-1.amazonaws.com/Prod/items".to_owned(),
            ),
            user_agent: Some("curl/8".to_owned()),
            client_ip: Some("203.0.113.7".to_owned()),
            x_forwarded_for: true,
            traced: false,
        }),
        response: Some(HttpResponse {
            status: Some(429),
            content_length: Some(0),
        }),
    });
    stage.aws.set(
        "api_gateway",
        json!({ "account_id": "123456789012", "rest_api_id": "abcdefghij", "stage": "Prod" }),
    );
    stage
        .annotations
        .insert("aws:api_id".to_owned(), "abcdefghij".into());
    stage.metadata.insert(
        "default".to_owned(),
        raw(&json!({ "request_id": "8b2c4d6e" })),
    );
    let mut call = Subsegment::new("Lambda", id(0x1111_2222_3333_4444), at(5));
    call.end_time = Some(at(350));
    call.namespace = Some(Namespace::Aws);
    call.aws
        .set("function_name", "orders")
        .set("operation", "Invoke");
    stage.subsegments.push(call);
    assert_golden(
        &Document::Segment(Box::new(stage)),
        include_str!("golden/api-gateway-stage.json"),
    );
}

#[test]
fn a_function_is_written_with_its_service_user_and_link() {
    let mut function = Segment::new("orders", TRACE, id(0xe6a9_e00f_59b5_0801), at(11));
    function.end_time = Some(at(653));
    function.origin = Some("AWS::Lambda::Function".to_owned());
    function.user = Some("alice".to_owned());
    function.service = Some(Service {
        version: Some("7".to_owned()),
        runtime: Some("rust".to_owned()),
        ..Service::default()
    });
    function
        .annotations
        .insert("ColdStart".to_owned(), true.into());
    function
        .annotations
        .insert("aws:responseLatency".to_owned(), 264.19.into());
    function
        .annotations
        .insert("tenant".to_owned(), "acme".into());
    function.links = vec![Link {
        trace_id: TraceId::from_u128(1),
        id: id(2),
        attributes: [("kind".to_owned(), "producer".into())].into(),
    }];
    assert_golden(
        &Document::Segment(Box::new(function)),
        include_str!("golden/function.json"),
    );
}

#[test]
fn a_failed_independent_subsegment_is_written_with_its_exceptions() {
    let mut query = Subsegment::new("orders@db", id(0x1af5_50e1_e5dd_e8b7), at(40))
        .independent(TRACE, id(0xe6a9_e00f_59b5_0801));
    query.end_time = Some(at(140));
    query.namespace = Some(Namespace::Remote);
    query.fault = true;
    query.precursor_ids = vec![id(0x1111_2222_3333_4444)];
    query.sql = Some(Sql {
        url: Some("postgresql://db:5432/orders".to_owned()),
        sanitized_query: Some("SELECT * FROM orders WHERE pk = ?".to_owned()),
        database_type: Some("PostgreSQL".to_owned()),
        ..Sql::default()
    });
    let inner = Exception {
        id: id(1),
        remote: Some(true),
        ..Exception::new("TimeoutError", "db did not answer")
    };
    let outer = Exception {
        id: id(2),
        cause: Some(inner.id),
        truncated: Some(3),
        stack: vec![StackFrame {
            path: Some("src/db.rs".to_owned()),
            line: Some(88),
            label: Some("query".to_owned()),
        }],
        ..Exception::new("OrderError", "no order")
    };
    query.cause = Some(Cause::Exceptions(Exceptions {
        working_directory: Some("/var/task".to_owned()),
        paths: Vec::new(),
        exceptions: vec![outer, inner],
    }));
    assert_golden(
        &Document::Subsegment(Box::new(query)),
        include_str!("golden/failed-subsegment.json"),
    );
}

#[test]
fn a_segment_in_progress_is_written_with_its_mandatory_fields_only() {
    let segment = Segment::new("orders", TRACE, id(0x0a1b_2c3d_4e5f_6071), at(0));
    assert_golden(
        &Document::Segment(Box::new(segment)),
        include_str!("golden/in-progress.json"),
    );
}

#[test]
fn a_cause_may_be_the_id_of_an_exception_recorded_elsewhere() {
    let mut outer = Subsegment::new("outer", id(3), at(0)).independent(TRACE, id(4));
    outer.end_time = Some(at(1));
    outer.fault = true;
    outer.cause = Some(Cause::Reference(id(2)));
    assert_golden(
        &Document::Subsegment(Box::new(outer)),
        include_str!("golden/cause-by-reference.json"),
    );
}
