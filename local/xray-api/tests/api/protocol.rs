use std::collections::HashSet;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use xray_local_listener::{BodyReader, Limits};

use crate::client::{api, post, send};

/// Name and path of every operation of the API's model (2016-04-12).
const OPERATIONS: [(&str, &str); 38] = [
    ("BatchGetTraces", "/Traces"),
    ("CancelTraceRetrieval", "/CancelTraceRetrieval"),
    ("CreateGroup", "/CreateGroup"),
    ("CreateSamplingRule", "/CreateSamplingRule"),
    ("DeleteGroup", "/DeleteGroup"),
    ("DeleteResourcePolicy", "/DeleteResourcePolicy"),
    ("DeleteSamplingRule", "/DeleteSamplingRule"),
    ("GetEncryptionConfig", "/EncryptionConfig"),
    ("GetGroup", "/GetGroup"),
    ("GetGroups", "/Groups"),
    ("GetIndexingRules", "/GetIndexingRules"),
    ("GetInsight", "/Insight"),
    ("GetInsightEvents", "/InsightEvents"),
    ("GetInsightImpactGraph", "/InsightImpactGraph"),
    ("GetInsightSummaries", "/InsightSummaries"),
    ("GetRetrievedTracesGraph", "/GetRetrievedTracesGraph"),
    ("GetSamplingRules", "/GetSamplingRules"),
    (
        "GetSamplingStatisticSummaries",
        "/SamplingStatisticSummaries",
    ),
    ("GetSamplingTargets", "/SamplingTargets"),
    ("GetServiceGraph", "/ServiceGraph"),
    (
        "GetTimeSeriesServiceStatistics",
        "/TimeSeriesServiceStatistics",
    ),
    ("GetTraceGraph", "/TraceGraph"),
    ("GetTraceSegmentDestination", "/GetTraceSegmentDestination"),
    ("GetTraceSummaries", "/TraceSummaries"),
    ("ListResourcePolicies", "/ListResourcePolicies"),
    ("ListRetrievedTraces", "/ListRetrievedTraces"),
    ("ListTagsForResource", "/ListTagsForResource"),
    ("PutEncryptionConfig", "/PutEncryptionConfig"),
    ("PutResourcePolicy", "/PutResourcePolicy"),
    ("PutTelemetryRecords", "/TelemetryRecords"),
    ("PutTraceSegments", "/TraceSegments"),
    ("StartTraceRetrieval", "/StartTraceRetrieval"),
    ("TagResource", "/TagResource"),
    ("UntagResource", "/UntagResource"),
    ("UpdateGroup", "/UpdateGroup"),
    ("UpdateIndexingRule", "/UpdateIndexingRule"),
    ("UpdateSamplingRule", "/UpdateSamplingRule"),
    (
        "UpdateTraceSegmentDestination",
        "/UpdateTraceSegmentDestination",
    ),
];

#[tokio::test]
async fn every_operation_of_the_api_is_implemented_or_its_response_is_501() {
    let api = api();
    let (mut implemented, mut messages) = (Vec::new(), Vec::new());
    for (operation, path) in OPERATIONS {
        let response = post(&api, path, "{}").await;
        if response.status == 200 {
            implemented.push(operation);
            continue;
        }
        let (status, name, message) = response.error();
        match status {
            400 => {
                assert_eq!(name, "InvalidRequestException", "{path}: {message}");
                implemented.push(operation);
            }
            501 => {
                assert_eq!(name, "NotImplementedException");
                assert!(message.starts_with(operation), "{path}: {message}");
                messages.push(message);
            }
            _ => panic!("{path}: {status} {name} {message}"),
        }
    }
    let (last, first) = implemented.split_last().unwrap();
    let names = format!("xray-local; implemented: {} and {last}", first.join(", "));
    for message in messages {
        assert!(message.ends_with(&names), "{message}");
    }
    let index_page = send(&api, Request::get("/").body(Body::empty()).unwrap()).await;
    let index_page = String::from_utf8(index_page.body.to_vec()).unwrap();
    let names = format!("Implemented: {}.", implemented.join(", "));
    assert!(index_page.contains(&names), "{index_page}");
}

#[tokio::test]
async fn other_requests_are_unknown_operations() {
    let api = api();
    let get = Request::get("/Traces").body(Body::empty()).unwrap();
    for response in [
        post(&api, "/Nope", "{}").await,
        post(&api, "/", "{}").await,
        send(&api, get).await,
    ] {
        let (status, name, _) = response.error();
        assert_eq!((status, name.as_str()), (404, "UnknownOperationException"));
    }
}

#[tokio::test]
async fn unexpected_json_is_a_serialization_error() {
    let api = api();
    for body in [
        "{",
        "[]",
        "nope",
        r#"{"TraceIds":"1-2-3"}"#,
        r#"{"TraceIds":[1]}"#,
        "\u{0}",
    ] {
        let (status, name, _) = post(&api, "/Traces", body).await.error();
        assert_eq!(
            (status, name.as_str()),
            (400, "SerializationException"),
            "{body}"
        );
    }
    let (_, name, message) = post(
        &api,
        "/TraceSummaries",
        r#"{"StartTime":"soon","EndTime":1}"#,
    )
    .await
    .error();
    assert_eq!(name, "SerializationException");
    assert!(
        message.contains("soon") && message.contains("epoch seconds"),
        "{message}"
    );
}

#[tokio::test]
async fn signatures_are_accepted_but_not_verified() {
    let api = api();
    for authorization in [
        "AWS4-HMAC-SHA256 Credential=a/20261122/eu-west-1/xray/aws4_request",
        "nonsense",
    ] {
        let request = Request::post("/TraceSegments")
            .header("authorization", authorization)
            .body(Body::from(r#"{"TraceSegmentDocuments":[]}"#))
            .unwrap();
        assert_eq!(send(&api, request).await.status, 200);
    }
}

#[tokio::test]
async fn each_response_has_its_own_request_id() {
    let api = api();
    let mut ids = HashSet::new();
    for path in ["/Traces", "/Nope", "/Traces"] {
        let id = post(&api, path, "{}").await.headers["x-amzn-requestid"]
            .to_str()
            .unwrap()
            .to_owned();
        let groups: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(groups, [8, 4, 4, 4, 12], "{id}");
        ids.insert(id);
    }
    assert_eq!(ids.len(), 3);
}

#[tokio::test]
async fn the_index_page_explains_how_to_see_traces() {
    let request = Request::get("/")
        .header("host", "localhost:2345")
        .body(Body::empty())
        .unwrap();
    let response = send(&api(), request).await;
    assert_eq!(response.status, 200);
    assert!(
        response.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/plain")
    );
    let text = String::from_utf8(response.body.to_vec()).unwrap();
    for expected in [
        "xray-local traces",
        "xray-local trace ID",
        "aws xray get-trace-summaries --endpoint-url http://localhost:2345",
        "later version",
    ] {
        assert!(text.contains(expected), "{expected} is not in: {text}");
    }
}

#[tokio::test]
async fn without_memory_for_the_body_the_caller_should_try_again() {
    const LARGE: usize = 100_000;
    let reader = BodyReader::new(&Limits {
        body_bytes: LARGE,
        body_wait: Duration::ZERO,
        ..Limits::default()
    });
    let large = || Body::from(vec![b' '; LARGE]);
    let held = reader.read(large(), LARGE).await.unwrap();
    let request = || {
        let request = Request::post("/TraceSegments").extension(reader.clone());
        request.body(large()).unwrap()
    };
    let response = send(&api(), request()).await;
    assert_eq!(response.headers["retry-after"], "5");
    let (status, name, message) = response.error();
    assert_eq!(
        (status, name.as_str()),
        (503, "ServiceUnavailableException")
    );
    assert!(message.contains("use all memory for bodies"), "{message}");
    drop(held);
    assert_eq!(send(&api(), request()).await.error().0, 400);
}
