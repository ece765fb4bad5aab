use std::io::Write;

use axum::body::Body;
use axum::http::{HeaderValue, Request};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::client::{TRACE, api, call, post, put, segment, send};

fn documents(documents: &[&str]) -> Value {
    json!({"TraceSegmentDocuments": documents})
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn rejected_documents_are_returned_with_their_reason_and_the_others_are_stored() {
    let api = api();
    let good = segment("0a1b2c3d4e5f6071", json!({})).to_string();
    let nameless = segment("00000000000000ff", json!({"name": "what?"})).to_string();
    let response = call(
        &api,
        "/TraceSegments",
        &documents(&["{", &good, "[]", &nameless]),
    )
    .await;
    let unprocessed = response["UnprocessedTraceSegments"].as_array().unwrap();
    let codes: Vec<_> = unprocessed
        .iter()
        .map(|u| (u.get("Id").cloned(), &u["ErrorCode"]))
        .collect();
    assert_eq!(
        codes,
        [
            (None, &json!("ParseError")),
            (None, &json!("MissingId")),
            (Some(json!("00000000000000ff")), &json!("InvalidName")),
        ]
    );
    let message = unprocessed[2]["Message"].as_str().unwrap();
    assert!(
        message.starts_with("Invalid segment. ErrorCode: InvalidName"),
        "{message}"
    );
    let traces = call(&api, "/Traces", &json!({"TraceIds": [TRACE]})).await;
    assert_eq!(traces["Traces"][0]["Segments"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_document_that_makes_its_trace_too_large_is_rejected_in_x_rays_words() {
    let api = api();
    let large = |n: u32| {
        segment(
            &format!("{n:016x}"),
            json!({"metadata": {"d": "x".repeat(60_000)}}),
        )
        .to_string()
    };
    let all: Vec<String> = (1..=9).map(large).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let response = call(&api, "/TraceSegments", &documents(&all)).await;
    assert_eq!(
        response,
        json!({"UnprocessedTraceSegments": [{
            "Id": "0000000000000009",
            "ErrorCode": "InvalidSegment",
            "Message": "Trace Size Exceeded. Reduce the number of segments per trace and the size of your segment documents.",
        }]})
    );
    let traces = call(&api, "/Traces", &json!({"TraceIds": [TRACE]})).await;
    assert_eq!(traces["Traces"][0]["LimitExceeded"], true);
}

#[tokio::test]
async fn gzip_is_recognized_by_its_first_bytes_not_by_the_header() {
    let api = api();
    let body = documents(&[&segment("0a1b2c3d4e5f6071", json!({})).to_string()]).to_string();
    let with = |encoding: &str, body: Vec<u8>| {
        let request = Request::post("/TraceSegments").header("content-encoding", encoding);
        request.body(Body::from(body)).unwrap()
    };
    for request in [
        with("gzip", gzip(&body)),
        with("identity", gzip(&body)),
        with("gzip", body.clone().into_bytes()),
    ] {
        assert_eq!(send(&api, request).await.status, 200);
    }
    let mut broken = gzip(&body);
    broken.truncate(broken.len() / 2);
    let (status, name, message) = send(&api, with("gzip", broken)).await.error();
    assert_eq!((status, name.as_str()), (400, "SerializationException"));
    assert!(message.contains("gzip"), "{message}");
}

#[tokio::test]
async fn an_unsupported_encoding_is_rejected() {
    let api = api();
    let with = |encoding: &str| {
        let request = Request::post("/TraceSegments").header("content-encoding", encoding);
        request
            .body(Body::from(documents(&[]).to_string()))
            .unwrap()
    };
    let mut two_lines = with("gzip");
    let gzip = HeaderValue::from_static("gzip");
    two_lines.headers_mut().append("content-encoding", gzip);
    for request in [
        with("br"),
        with("deflate"),
        with("gzip, zstd"),
        with("gzip, gzip"),
        two_lines,
    ] {
        let (status, name, message) = send(&api, request).await.error();
        assert_eq!(
            (status, name.as_str()),
            (415, "UnsupportedMediaTypeException")
        );
        assert!(message.contains("use gzip"), "{message}");
    }
    for encoding in ["", "identity", "GZIP", "gzip, identity", "gzip,"] {
        assert_eq!(send(&api, with(encoding)).await.status, 200, "{encoding}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_rejected_before_and_after_decompression() {
    let api = api();
    let large = " ".repeat(16 * 1024 * 1024 + 1);
    for body in [gzip(&large), large.into_bytes()] {
        let (status, name, message) = post(&api, "/TraceSegments", body).await.error();
        assert_eq!(
            (status, name.as_str()),
            (413, "RequestEntityTooLargeException")
        );
        assert!(message.contains("16 MiB"), "{message}");
    }
}

#[tokio::test]
async fn a_put_needs_a_list_of_documents_which_may_be_empty() {
    let api = api();
    for body in ["", "{}", r#"{"TraceSegmentDocuments":null}"#] {
        let (status, name, message) = post(&api, "/TraceSegments", body).await.error();
        assert_eq!(
            (status, name.as_str()),
            (400, "InvalidRequestException"),
            "{body}"
        );
        assert!(message.contains("TraceSegmentDocuments"), "{message}");
    }
    put(&api, &[]).await;
}

#[tokio::test]
async fn a_request_with_too_many_documents_is_rejected_as_a_whole() {
    let api = api();
    let all = |count| documents(&vec![""; count]);
    let response = post(&api, "/TraceSegments", all(1_000).to_string()).await;
    assert_eq!(response.status, 200);
    let (status, name, message) = post(&api, "/TraceSegments", all(1_001).to_string())
        .await
        .error();
    assert_eq!((status, name.as_str()), (400, "InvalidRequestException"));
    assert!(message.contains("1001 documents"), "{message}");
}

#[tokio::test]
async fn the_response_to_telemetry_records_is_an_empty_object() {
    let api = api();
    let records = json!({"TelemetryRecords": [{"Timestamp": 1_733_337_522.5, "SegmentsSentCount": 3}],
                         "Hostname": "h"});
    assert_eq!(call(&api, "/TelemetryRecords", &records).await, json!({}));
    let (status, name, _) = post(&api, "/TelemetryRecords", "{}").await.error();
    assert_eq!((status, name.as_str()), (400, "InvalidRequestException"));
}
