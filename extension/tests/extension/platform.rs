//! Documents from platform events.

use crate::lambda::{FUNCTION_TIMEOUT, Lambda, LambdaOptions, NO_RESPONSE};
use crate::sandbox::{Extension, id};
use crate::xray::XRay;

#[tokio::test]
async fn unknown_events_are_ignored_and_every_response_has_status_200() {
    let mut lambda = Lambda::start(LambdaOptions::default()).await;
    let mut xray = XRay::start([]).await;
    let extension = Extension::start(&lambda, &xray.address);
    lambda.ready().await;
    for body in ["", "{}", "[1]", "not json", &"x".repeat(3_000_000)] {
        assert_eq!(lambda.telemetry(body).await, 200);
    }
    lambda.invoke("r-1", FUNCTION_TIMEOUT).await;
    let batch = r#"[
        {"time":"2026-01-10T09:00:00.000Z","type":"platform.tomorrow","record":{"x":[]}},
        {"time":"2026-01-10T09:00:00.130Z","type":"platform.start","record":{"requestId":"r-1","tracing":{"spanId":"54565fb41ac79632","type":"X-Amzn-Trace-Id","value":"Root=1-6750a1b2-00112233445566778899aabb;Parent=0efbd19962d95b05;Sampled=1"}}},
        {"time":"2026-01-10T09:00:00.171Z","type":"platform.runtimeDone","record":{"requestId":"r-1","status":"success","spans":[{"name":"responseLatency","start":"2026-01-10T09:00:00.130Z","durationMs":39.8}]}}]"#;
    assert_eq!(lambda.telemetry(batch).await, 200);
    lambda.wait_for_next().await;
    let documents = xray.received();
    assert_eq!(documents.len(), 1);
    assert_eq!(documents[0]["name"], "Response latency");
    assert_eq!(documents[0]["parent_id"], "54565fb41ac79632");
    lambda.shutdown("SPINDOWN");
    assert_eq!(extension.exited().await.1, "");
}

#[tokio::test]
async fn a_report_during_shutdown_is_sent() {
    let mut lambda = Lambda::start(LambdaOptions::default()).await;
    let mut xray = XRay::start([]).await;
    let extension = Extension::start(&lambda, &xray.address);
    lambda.ready().await;
    lambda.telemetry("[]").await;
    lambda.invoke("r-1", FUNCTION_TIMEOUT).await;
    let start = r#"[{"time":"2026-01-10T09:00:00.130Z","type":"platform.start","record":{"requestId":"r-1","tracing":{"spanId":"54565fb41ac79632","type":"X-Amzn-Trace-Id","value":"Root=1-6750a1b2-00112233445566778899aabb;Parent=0efbd19962d95b05;Sampled=1"}}}]"#;
    lambda.telemetry(start).await;
    lambda.runtime_done("r-1").await;
    lambda.wait_for_next().await;
    lambda.shutdown("TIMEOUT");
    let report = r#"[{"time":"2026-01-10T09:00:03.140Z","type":"platform.report","record":{"requestId":"r-1","status":"timeout","errorType":"Sandbox.Timedout","metrics":{"durationMs":3000.0}}}]"#;
    lambda.telemetry(report).await;
    let (status, log) = extension.exited().await;
    assert!(status.success() && log.is_empty(), "{log}");
    let documents = xray.received();
    assert_eq!(documents.len(), 1);
    assert_eq!(documents[0]["fault"], true);
}

#[tokio::test]
async fn with_pass_through_a_function_segment_is_recorded_only_if_configured() {
    for (function_segment, documents_recorded) in [("true", 1), ("false", 0)] {
        let mut lambda = Lambda::start(LambdaOptions::default()).await;
        let mut xray = XRay::start([]).await;
        let variables = [("XRAY_LAMBDA_FUNCTION_SEGMENT", function_segment)];
        let extension = Extension::start_with(&lambda, &xray.address, &variables);
        lambda.ready().await;
        lambda.telemetry("[]").await;
        lambda.invoke("r-1", FUNCTION_TIMEOUT).await;
        lambda.telemetry(r#"[{"time":"2026-01-10T09:00:00.130Z","type":"platform.start","record":{"requestId":"r-1"}}]"#).await;
        lambda.runtime_done("r-1").await;
        lambda.wait_for_next().await;
        let documents = xray.received();
        assert_eq!(documents.len(), documents_recorded);
        if let Some(segment) = documents.first() {
            assert_eq!(segment["name"], "orders");
            assert_eq!(segment["origin"], "AWS::Lambda::Function");
            assert_eq!(segment["trace_id"], "1-6750a1b2-00112233445566778899aabb");
        }
        drop(extension);
    }
}

#[tokio::test]
async fn lambdas_own_init_is_not_recorded_again() {
    const INIT: &str = r#"[
        {"time":"2026-01-10T09:00:00.000Z","type":"platform.initStart","record":{"initializationType":"on-demand","phase":"init"}},
        {"time":"2026-01-10T09:00:00.120Z","type":"platform.initRuntimeDone","record":{"initializationType":"on-demand","phase":"init","status":"success"}},
        {"time":"2026-01-10T09:00:00.125Z","type":"platform.initReport","record":{"initializationType":"on-demand","phase":"init","status":"success"}}]"#;
    let active = r#","tracing":{"spanId":"54565fb41ac79632","type":"X-Amzn-Trace-Id","value":"Root=1-6750a1b2-00112233445566778899aabb;Parent=0efbd19962d95b05;Sampled=1"}"#;
    let pass_through = "";
    for (tracing, expected) in [(active, vec![]), (pass_through, vec!["Init", "orders"])] {
        let mut lambda = Lambda::start(LambdaOptions::default()).await;
        let mut xray = XRay::start([]).await;
        let variables = [("XRAY_LAMBDA_FUNCTION_SEGMENT", "true")];
        let extension = Extension::start_with(&lambda, &xray.address, &variables);
        lambda.ready().await;
        lambda.telemetry(INIT).await;
        lambda.invoke("r-1", FUNCTION_TIMEOUT).await;
        let start = format!(
            r#"[{{"time":"2026-01-10T09:00:00.130Z","type":"platform.start","record":{{"requestId":"r-1"{tracing}}}}}]"#
        );
        lambda.telemetry(&start).await;
        lambda.runtime_done("r-1").await;
        lambda.wait_for_next().await;
        let documents = xray.received();
        let mut names: Vec<_> = documents
            .iter()
            .filter_map(|document| document["name"].as_str())
            .collect();
        names.sort_unstable();
        assert_eq!(names, expected);
        drop(extension);
    }
}

#[tokio::test]
async fn without_a_response_to_the_subscription_the_function_works_and_the_reason_is_logged() {
    let mut lambda = Lambda::start(LambdaOptions {
        subscription: NO_RESPONSE,
        ..LambdaOptions::default()
    })
    .await;
    let xray = XRay::start([]).await;
    let extension = Extension::start(&lambda, &xray.address);
    lambda.ready().await;
    lambda.invoke("r-1", FUNCTION_TIMEOUT).await;
    lambda.wait_for_next().await;
    lambda.shutdown("SPINDOWN");
    let (status, log) = extension.exited().await;
    assert!(status.success());
    assert!(
        log.contains("the Telemetry API did not respond within 2s"),
        "{log}"
    );
}

#[tokio::test]
async fn the_subsegments_that_a_timeout_left_open_are_completed_with_its_fault() {
    let mut lambda = Lambda::start(LambdaOptions::default()).await;
    let mut xray = XRay::start([]).await;
    let extension = Extension::start(&lambda, &xray.address);
    lambda.ready().await;
    lambda.telemetry("[]").await;
    lambda.invoke("r-1", FUNCTION_TIMEOUT).await;
    extension.send_in_progress(&id(1));
    extension.send_in_progress(&id(2));
    extension.send_document(&id(2));
    let batch = r#"[
        {"time":"2026-01-10T09:00:00.130Z","type":"platform.start","record":{"requestId":"r-1","tracing":{"spanId":"54565fb41ac79632","type":"X-Amzn-Trace-Id","value":"Root=1-6750a1b2-00112233445566778899aabb;Parent=0efbd19962d95b05;Sampled=1"}}},
        {"time":"2026-01-10T09:00:03.131Z","type":"platform.runtimeDone","record":{"requestId":"r-1","status":"timeout","metrics":{"durationMs":3000.0}}}]"#;
    assert_eq!(lambda.telemetry(batch).await, 200);
    lambda.wait_for_next().await;
    let documents = xray.received();
    let last = |id: &str| documents.iter().rfind(|document| document["id"] == id);
    let completed = last(&id(1)).unwrap();
    assert_eq!(completed["fault"], true, "{documents:?}");
    assert_eq!(completed["end_time"], 1_768_035_603.130);
    let exception = &completed["cause"]["exceptions"][0];
    assert_eq!(exception["message"], "Task timed out after 3.00 seconds");
    assert_eq!(last(&id(2)).unwrap().get("fault"), None, "{documents:?}");
    let faults = documents
        .iter()
        .filter(|document| document["name"] == "Runtime done");
    assert_eq!(faults.count(), 1);
    drop(extension);
}
