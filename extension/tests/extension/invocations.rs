//! The ends of invocations, and the flush that follows.

use std::time::{Duration, Instant};

use crate::lambda::{FUNCTION_TIMEOUT, Lambda, LambdaOptions};
use crate::sandbox::{Extension, id};
use crate::xray::{Response, XRay};

/// Begins an invocation. Returns when the extension has received INVOKE: it then sends the
/// documents buffered before.
async fn begin(lambda: &Lambda, xray: &mut XRay, extension: &Extension, request_id: &str) {
    let before = id(1_000);
    extension.send_document(&before);
    lambda.invoke(request_id, FUNCTION_TIMEOUT).await;
    xray.wait_for(&before).await;
}

/// Starts an extension, and waits for its first `/next`. `subscription` is the status of the
/// response to its subscription.
async fn start(subscription: u16, script: Vec<Response>) -> (Lambda, XRay, Extension) {
    let mut lambda = Lambda::start(LambdaOptions {
        subscription,
        ..LambdaOptions::default()
    })
    .await;
    let xray = XRay::start(script).await;
    let extension = Extension::start(&lambda, &xray.address);
    lambda.ready().await;
    (lambda, xray, extension)
}

#[tokio::test]
async fn after_the_wrappers_signal_all_documents_are_sent_before_next() {
    let slow = Response::AcceptAfter(Duration::from_millis(150));
    let (mut lambda, mut xray, extension) =
        start(200, vec![Response::Accept, slow.clone(), slow]).await;
    lambda.telemetry("[]").await;
    begin(&lambda, &mut xray, &extension, "r-1").await;
    (0..60).for_each(|n| extension.send_document(&id(n)));
    extension.send_done("r-1");
    lambda.wait_for_next().await;
    assert_eq!(xray.received().len(), 61);
}

#[tokio::test]
async fn after_runtime_done_all_documents_are_sent_before_next() {
    let slow = Response::AcceptAfter(Duration::from_millis(150));
    let (mut lambda, mut xray, extension) = start(200, vec![Response::Accept, slow]).await;
    lambda.telemetry("[]").await;
    begin(&lambda, &mut xray, &extension, "r-1").await;
    extension.send_document(&id(1));
    lambda.runtime_done("r-1").await;
    lambda.wait_for_next().await;
    assert_eq!(xray.received().len(), 2);
}

#[tokio::test]
async fn another_invocations_end_does_not_release_this_one() {
    let (mut lambda, mut xray, extension) = start(200, vec![]).await;
    lambda.telemetry("[]").await;
    lambda.invoke("r-1", FUNCTION_TIMEOUT).await;
    extension.send_document(&id(1));
    lambda.runtime_done("r-0").await;
    // Sent after a second while the handler runs, and `/next` is not called.
    xray.wait_for(&id(1)).await;
    assert!(!lambda.has_unread_call());
    extension.send_done("r-1");
    lambda.wait_for_next().await;
}

#[tokio::test]
async fn a_signal_before_its_invoke_ends_the_invocation() {
    let (mut lambda, mut xray, extension) = start(200, vec![]).await;
    lambda.telemetry("[]").await;
    extension.send_document(&id(1));
    extension.send_done("r-1");
    xray.wait_for(&id(1)).await;
    lambda.invoke("r-1", FUNCTION_TIMEOUT).await;
    lambda.wait_for_next().await;
}

#[tokio::test]
async fn without_a_subscription_the_function_is_not_held_and_its_documents_are_sent() {
    for subscription in [202, 404, 400, 500] {
        let (mut lambda, mut xray, extension) = start(subscription, vec![]).await;
        lambda.invoke("r-1", FUNCTION_TIMEOUT).await;
        lambda.wait_for_next().await;
        extension.send_document(&id(1));
        xray.wait_for(&id(1)).await;
        // After the wrapper's first signal, a signal ends each invocation.
        extension.send_done("r-1");
        extension.send_document(&id(2));
        lambda.invoke("r-2", FUNCTION_TIMEOUT).await;
        extension.send_document(&id(3));
        extension.send_done("r-2");
        lambda.wait_for_next().await;
        assert_eq!(xray.received().len(), 3, "{subscription}");
    }
}

#[tokio::test]
async fn without_telemetry_only_the_first_invocation_is_held_for_a_short_time() {
    let (mut lambda, mut xray, extension) = start(200, vec![]).await;
    let begun = Instant::now();
    lambda.invoke("r-1", FUNCTION_TIMEOUT).await;
    extension.send_document(&id(1));
    lambda.wait_for_next().await;
    assert!(
        begun.elapsed() < Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
    lambda.invoke("r-2", FUNCTION_TIMEOUT).await;
    lambda.wait_for_next().await;
    xray.wait_for(&id(1)).await;
}

#[tokio::test]
async fn a_full_batch_is_sent_while_the_handler_runs() {
    let (mut lambda, mut xray, extension) = start(200, vec![]).await;
    lambda.telemetry("[]").await;
    begin(&lambda, &mut xray, &extension, "r-1").await;
    (0..50).for_each(|n| extension.send_document(&id(n)));
    let begun = Instant::now();
    assert_eq!(xray.next_request().await.documents.len(), 50);
    assert!(
        begun.elapsed() < Duration::from_millis(700),
        "{:?}",
        begun.elapsed()
    );
    assert!(!lambda.has_unread_call());
    extension.send_done("r-1");
    lambda.wait_for_next().await;
}

#[tokio::test]
async fn an_invocation_without_a_reported_end_is_released_before_its_deadline() {
    let (mut lambda, mut xray, extension) = start(200, vec![]).await;
    lambda.telemetry("[]").await;
    let begun = Instant::now();
    lambda.invoke("r-1", Duration::from_millis(600)).await;
    extension.send_document(&id(1));
    lambda.wait_for_next().await;
    let held = begun.elapsed();
    assert!(
        held > Duration::from_millis(300) && held < Duration::from_secs(1),
        "{held:?}"
    );
    lambda.shutdown("TIMEOUT");
    assert!(extension.exited().await.0.success());
    assert_eq!(xray.received().len(), 1);
}
