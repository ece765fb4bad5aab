//! The X-Ray API of `xray-local`, with boto3 and the AWS CLI as clients.

use std::time::SystemTime;

use serde_json::{Value, json};
use xray_document::TraceId;
use xray_lambda_tests::client::{aws_cli, batch_get_traces, boto3};
use xray_lambda_tests::local::XrayLocal;

/// A trace that started a second ago: a segment and an independent subsegment.
struct TestTrace {
    root: String,
    now: f64,
}

impl TestTrace {
    fn new() -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.expect("a clock after 1970");
        let seconds = u32::try_from(now.as_secs()).expect("a clock before 2106");
        Self {
            root: TraceId::random(seconds).to_string(),
            now: now.as_secs_f64(),
        }
    }

    fn segment(&self) -> Value {
        json!({
            "id": "70de5b6f19ff9a0a", "trace_id": self.root, "name": "shop",
            "start_time": self.now - 1.0, "end_time": self.now - 0.5,
            "http": {
                "request": { "method": "POST", "url": "https://shop.example/items" },
                "response": { "status": 503 },
            },
            "fault": true,
            "annotations": { "tenant": "a", "attempts": 2, "paid": true },
        })
    }

    fn subsegment(&self) -> Value {
        json!({
            "id": "70de5b6f19ff9a0b", "trace_id": self.root, "name": "checkout",
            "type": "subsegment", "parent_id": "70de5b6f19ff9a0a",
            "start_time": self.now - 0.9, "end_time": self.now - 0.6,
        })
    }

    fn documents(&self) -> [String; 2] {
        [self.segment().to_string(), self.subsegment().to_string()]
    }

    fn window(&self) -> Value {
        json!({ "StartTime": self.now - 60.0, "EndTime": self.now + 60.0 })
    }
}

#[tokio::test]
async fn boto3_gets_back_its_documents_with_subsegments_under_their_parents() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let served = XrayLocal::serve(data.path());
    let endpoint = served.url("X-Ray API").await;
    let traced = TestTrace::new();

    let put = json!({ "TraceSegmentDocuments": traced.documents() });
    let response = boto3(&endpoint, "put_trace_segments", &put).await;
    assert_eq!(response, json!({ "UnprocessedTraceSegments": [] }));

    let documents = batch_get_traces(&endpoint, std::slice::from_ref(&traced.root)).await;
    documents.assert_valid();
    let [segment] = documents.as_slice() else {
        panic!("expected one segment, not {documents}")
    };
    assert_eq!(segment["id"], "70de5b6f19ff9a0a");
    assert_eq!(segment["annotations"], traced.segment()["annotations"]);
    assert_eq!(segment["subsegments"][0]["name"], "checkout");
}

#[tokio::test]
async fn boto3_reads_a_summary_with_its_annotations_and_flags() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let served = XrayLocal::serve(data.path());
    let endpoint = served.url("X-Ray API").await;
    let traced = TestTrace::new();
    let put = json!({ "TraceSegmentDocuments": traced.documents() });
    boto3(&endpoint, "put_trace_segments", &put).await;

    let response = boto3(&endpoint, "get_trace_summaries", &traced.window()).await;
    assert_eq!(response["TracesProcessedCount"], 1);
    let summary = &response["TraceSummaries"][0];
    assert_eq!(summary["Id"], traced.root.as_str());
    assert_eq!(summary["HasFault"], true);
    assert_eq!(summary["HasError"], false);
    assert_eq!(summary["Http"]["HttpStatus"], 503);
    assert_eq!(summary["Http"]["HttpMethod"], "POST");
    let response_time = summary["ResponseTime"].as_f64().expect("ResponseTime");
    assert!((response_time - 0.5).abs() < 0.002, "{response_time}");
    let annotations = &summary["Annotations"];
    assert_eq!(
        annotations["tenant"][0]["AnnotationValue"],
        json!({ "StringValue": "a" })
    );
    assert_eq!(
        annotations["attempts"][0]["AnnotationValue"],
        json!({ "NumberValue": 2.0 })
    );
    assert_eq!(
        annotations["paid"][0]["AnnotationValue"],
        json!({ "BooleanValue": true })
    );
}

#[tokio::test]
async fn a_rejected_document_is_reported_and_the_others_are_stored() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let served = XrayLocal::serve(data.path());
    let endpoint = served.url("X-Ray API").await;
    let traced = TestTrace::new();
    let mut bad = traced.segment();
    bad["trace_id"] = json!("not a trace id");

    let put =
        json!({ "TraceSegmentDocuments": ["{", bad.to_string(), traced.segment().to_string()] });
    let response = boto3(&endpoint, "put_trace_segments", &put).await;
    let unprocessed = response["UnprocessedTraceSegments"]
        .as_array()
        .expect("an array");
    assert_eq!(unprocessed.len(), 2, "{response}");
    assert_eq!(unprocessed[1]["Id"], "70de5b6f19ff9a0a");
    assert_eq!(unprocessed[1]["ErrorCode"], "InvalidTraceId");

    let documents = batch_get_traces(&endpoint, std::slice::from_ref(&traced.root)).await;
    assert_eq!(documents.named("shop").len(), 1, "{documents}");
}

#[tokio::test]
async fn telemetry_records_are_accepted() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let served = XrayLocal::serve(data.path());
    let endpoint = served.url("X-Ray API").await;
    let records = json!({ "TelemetryRecords": [{
        "Timestamp": TestTrace::new().now, "SegmentsReceivedCount": 3, "SegmentsSentCount": 2,
        "SegmentsSpilloverCount": 0, "SegmentsRejectedCount": 1,
    }] });
    assert_eq!(
        boto3(&endpoint, "put_telemetry_records", &records).await,
        json!({})
    );
}

#[tokio::test]
async fn invalid_requests_get_x_rays_own_errors() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let served = XrayLocal::serve(data.path());
    let endpoint = served.url("X-Ray API").await;

    let six: Vec<_> = (0..6).map(|_| TestTrace::new().root).collect();
    let response = boto3(&endpoint, "batch_get_traces", &json!({ "TraceIds": six })).await;
    assert_eq!(
        response["Error"]["Code"], "InvalidRequestException",
        "{response}"
    );
    assert_eq!(response["Status"], 400);

    let unknown = TestTrace::new().root;
    let response = boto3(
        &endpoint,
        "batch_get_traces",
        &json!({ "TraceIds": [unknown] }),
    )
    .await;
    assert_eq!(response["Traces"], json!([]));
    assert_eq!(response["UnprocessedTraceIds"], json!([unknown]));
}

#[tokio::test]
async fn the_aws_cli_puts_lists_and_gets_traces() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let served = XrayLocal::serve(data.path());
    let endpoint = served.url("X-Ray API").await;
    let traced = TestTrace::new();

    let [segment, subsegment] = traced.documents();
    let put = [
        "xray",
        "put-trace-segments",
        "--trace-segment-documents",
        &segment,
        &subsegment,
    ];
    let response = aws_cli(&endpoint, &put).await;
    assert_eq!(response, json!({ "UnprocessedTraceSegments": [] }));

    let (start, end) = (
        (traced.now - 60.0).to_string(),
        (traced.now + 60.0).to_string(),
    );
    let list = [
        "xray",
        "get-trace-summaries",
        "--start-time",
        &start,
        "--end-time",
        &end,
    ];
    let response = aws_cli(&endpoint, &list).await;
    assert_eq!(
        response["TraceSummaries"][0]["Id"],
        traced.root.as_str(),
        "{response}"
    );

    let response = aws_cli(
        &endpoint,
        &["xray", "batch-get-traces", "--trace-ids", &traced.root],
    )
    .await;
    let trace = &response["Traces"][0];
    assert_eq!(trace["Id"], traced.root.as_str());
    assert_eq!(trace["LimitExceeded"], false);
    assert_eq!(trace["Segments"][0]["Id"], "70de5b6f19ff9a0a");
    let document = trace["Segments"][0]["Document"]
        .as_str()
        .expect("a document");
    assert!(document.contains("\"checkout\""), "{document}");
}

#[tokio::test]
async fn a_restart_keeps_every_trace() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let served = XrayLocal::serve(data.path());
    let endpoint = served.url("X-Ray API").await;
    let traced = TestTrace::new();
    let put = json!({ "TraceSegmentDocuments": traced.documents() });
    boto3(&endpoint, "put_trace_segments", &put).await;
    let before = boto3(
        &endpoint,
        "batch_get_traces",
        &json!({ "TraceIds": [traced.root] }),
    )
    .await;
    let listed_before = boto3(&endpoint, "get_trace_summaries", &traced.window()).await;
    assert!(served.stop().await.success());

    let served = XrayLocal::serve(data.path());
    let endpoint = served.url("X-Ray API").await;
    let after = boto3(
        &endpoint,
        "batch_get_traces",
        &json!({ "TraceIds": [traced.root] }),
    )
    .await;
    assert_eq!(before["Traces"].as_array().map(Vec::len), Some(1));
    assert_eq!(before, after);
    let listed_after = boto3(&endpoint, "get_trace_summaries", &traced.window()).await;
    assert_eq!(
        listed_before["TraceSummaries"][0]["Id"],
        listed_after["TraceSummaries"][0]["Id"]
    );
    assert_eq!(listed_after["TraceSummaries"][0]["HasFault"], true);
}

#[tokio::test]
async fn a_killed_process_keeps_every_trace_that_it_accepted() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let served = XrayLocal::serve(data.path());
    let endpoint = served.url("X-Ray API").await;
    let traced = TestTrace::new();
    let put = json!({ "TraceSegmentDocuments": traced.documents() });
    boto3(&endpoint, "put_trace_segments", &put).await;
    // Dropping a process sends SIGKILL.
    drop(served);

    let served = XrayLocal::serve(data.path());
    let endpoint = served.url("X-Ray API").await;
    let documents = batch_get_traces(&endpoint, std::slice::from_ref(&traced.root)).await;
    assert_eq!(documents.flat().as_slice().len(), 2, "{documents}");
}
