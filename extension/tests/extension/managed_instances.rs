//! Lambda Managed Instances.

use serde_json::json;

use crate::lambda::{Call, Lambda, LambdaOptions};
use crate::sandbox::{Extension, id};
use crate::xray::XRay;

/// Recorded from AWS's emulator in its Managed Instances mode: one request of the Telemetry
/// API per line.
const CAPTURE: &str = include_str!("telemetry-managed-instances.jsonl");

#[tokio::test]
async fn on_managed_instances_only_shutdown_is_registered_and_the_clock_sends() {
    let mut lambda = Lambda::start(LambdaOptions {
        invoke_forbidden: true,
        ..LambdaOptions::default()
    })
    .await;
    let mut xray = XRay::start([]).await;
    let variables = [("AWS_LAMBDA_INITIALIZATION_TYPE", "lambda-managed-instances")];
    let extension = Extension::start_with(&lambda, &xray.address, &variables);
    let calls = lambda.ready().await;
    let Call::Register { events, .. } = &calls[0] else {
        panic!("{calls:?}")
    };
    assert_eq!(*events, json!(["SHUTDOWN"]));
    for batch in CAPTURE.lines() {
        assert_eq!(lambda.telemetry(batch).await, 200);
    }
    extension.send_document(&id(1));
    xray.wait_for(&id(1)).await;
    assert_eq!(xray.received().len(), 1, "Lambda records no segments");
    extension.send_document(&id(2));
    lambda.shutdown("spindown");
    let (status, log) = extension.exited().await;
    assert!(status.success() && log.is_empty(), "{log}");
    xray.wait_for(&id(2)).await;
}

#[tokio::test]
async fn on_managed_instances_the_function_segment_is_recorded_if_configured() {
    let mut lambda = Lambda::start(LambdaOptions {
        invoke_forbidden: true,
        ..LambdaOptions::default()
    })
    .await;
    let mut xray = XRay::start([]).await;
    let variables = [
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "lambda-managed-instances"),
        ("XRAY_LAMBDA_FUNCTION_SEGMENT", "true"),
    ];
    let extension = Extension::start_with(&lambda, &xray.address, &variables);
    lambda.ready().await;
    for batch in CAPTURE.lines() {
        assert_eq!(lambda.telemetry(batch).await, 200);
    }
    extension.send_document(&id(1));
    xray.wait_for(&id(1)).await;
    let documents = xray.received();
    let named = |name: &str| -> Vec<&serde_json::Value> {
        let named = documents.iter().filter(|document| document["name"] == name);
        named.collect()
    };
    // Of four requests, two are sampled.
    let segments = named("orders");
    assert_eq!(segments.len(), 2, "{documents:?}");
    assert_eq!(named("Response latency").len(), 2, "{documents:?}");
    for segment in segments {
        assert_eq!(segment["parent_id"], "53995c3f42cd8ad8");
        assert_eq!(segment["origin"], "AWS::Lambda::Function");
        let latencies = named("Response latency");
        let of_segment = latencies
            .iter()
            .filter(|latency| latency["parent_id"] == segment["id"]);
        assert_eq!(of_segment.count(), 1);
    }
    drop(extension);
}

#[tokio::test]
async fn if_lambda_forbids_invoke_only_shutdown_is_registered() {
    let mut lambda = Lambda::start(LambdaOptions {
        invoke_forbidden: true,
        ..LambdaOptions::default()
    })
    .await;
    let xray = XRay::start([]).await;
    let _extension = Extension::start(&lambda, &xray.address);
    let registered: Vec<_> = lambda
        .ready()
        .await
        .into_iter()
        .filter_map(|call| match call {
            Call::Register { events, .. } => Some(events),
            Call::Subscribe(_) | Call::Next => None,
        })
        .collect();
    assert_eq!(
        registered,
        [json!(["INVOKE", "SHUTDOWN"]), json!(["SHUTDOWN"])]
    );
}
