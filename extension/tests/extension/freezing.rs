//! Freezes of the sandbox between invocations.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::lambda::{FUNCTION_TIMEOUT, Lambda, LambdaOptions};
use crate::sandbox::{Extension, id};
use crate::xray::{Response, XRay};

#[tokio::test]
async fn no_document_is_lost_if_connections_are_closed_in_a_freeze() {
    let xray = XRay::start([]).await;
    assert_no_loss_in_freezes(xray, |n, xray| {
        if n % 3 == 0 {
            xray.close_connections();
        }
    })
    .await;
}

#[tokio::test]
async fn no_document_is_lost_if_connections_are_closed_at_their_first_use_after_a_freeze() {
    // Not two in a row: a request that is closed on a new connection too waits for a flush.
    let script = (0..100).flat_map(|_| [Response::Accept, Response::Close, Response::Accept]);
    assert_no_loss_in_freezes(XRay::start(script).await, |_, _| {}).await;
}

/// Freezes the extension before each of 100 invocations. Calls `while_frozen` with the number of
/// the invocation.
async fn assert_no_loss_in_freezes(mut xray: XRay, while_frozen: impl Fn(u64, &XRay)) {
    let mut lambda = Lambda::start(LambdaOptions::default()).await;
    let variables = [("XRAY_LAMBDA_FLUSH_STRATEGY", "end")];
    let extension = Extension::start_with(&lambda, &xray.address, &variables);
    lambda.ready().await;
    lambda.telemetry("[]").await;
    for n in 0..100 {
        extension.signal("-STOP");
        while_frozen(n, &xray);
        if n % 2 == 0 {
            // The event, a document and the end wait when the extension continues.
            lambda.invoke(&format!("r-{n}"), FUNCTION_TIMEOUT).await;
            extension.send_document(&id(2 * n));
            extension.signal("-CONT");
        } else {
            extension.signal("-CONT");
            lambda.invoke(&format!("r-{n}"), FUNCTION_TIMEOUT).await;
            extension.send_document(&id(2 * n));
        }
        extension.send_document(&id(2 * n + 1));
        extension.send_done(&format!("r-{n}"));
        lambda.wait_for_next().await;
        assert!(
            xray.received().len() >= 2 * (n as usize + 1),
            "sent before /next"
        );
    }
    lambda.shutdown("SPINDOWN");
    let (status, log) = extension.exited().await;
    assert!(status.success());
    assert_eq!(log, "");
    for n in 0..200 {
        xray.wait_for(&id(n)).await;
    }
}

#[tokio::test]
async fn no_document_is_lost_if_dense_traffic_freezes_at_any_time() {
    for strategy in ["adaptive", "next", "background:20"] {
        let mut lambda = Lambda::start(LambdaOptions::default()).await;
        let mut xray = XRay::start([]).await;
        let variables = [("XRAY_LAMBDA_FLUSH_STRATEGY", strategy)];
        let extension = Extension::start_with(&lambda, &xray.address, &variables);
        lambda.ready().await;
        lambda.telemetry("[]").await;
        for n in 0..100 {
            lambda.invoke(&format!("r-{n}"), FUNCTION_TIMEOUT).await;
            extension.send_document(&id(n));
            extension.send_done(&format!("r-{n}"));
            lambda.wait_for_next().await;
            // Other orders of the batch's request, its response and the freeze each time.
            sleep(Duration::from_micros(37 * (n % 20))).await;
            extension.signal("-STOP");
            if n % 7 == 0 {
                xray.close_connections();
            }
            extension.signal("-CONT");
        }
        lambda.shutdown("SPINDOWN");
        let (status, log) = extension.exited().await;
        assert!(status.success());
        // A request may fail on two closed connections. It is sent again.
        assert!(!log.contains("not every document"), "{strategy}: {log}");
        for n in 0..100 {
            xray.wait_for(&id(n)).await;
        }
    }
}

#[tokio::test]
async fn a_batch_frozen_in_flight_does_not_delay_the_next_invocation() {
    let mut lambda = Lambda::start(LambdaOptions::default()).await;
    let mut xray = XRay::start([Response::Hang]).await;
    let extension = Extension::start(&lambda, &xray.address);
    lambda.ready().await;
    lambda.telemetry("[]").await;
    // This document belongs to no invocation. It is sent after a second, when Lambda may
    // freeze the sandbox.
    extension.send_document(&id(1));
    xray.wait_for(&id(1)).await;
    extension.signal("-STOP");
    sleep(Duration::from_millis(1_100)).await;
    extension.signal("-CONT");
    lambda.invoke("r-1", FUNCTION_TIMEOUT).await;
    extension.send_document(&id(2));
    let ended = Instant::now();
    extension.send_done("r-1");
    lambda.wait_for_next().await;
    assert!(
        ended.elapsed() < Duration::from_millis(800),
        "{:?}",
        ended.elapsed()
    );
    let documents = xray.received();
    let sent = |n| {
        documents
            .iter()
            .filter(|document| document["id"] == *id(n))
            .count()
    };
    assert_eq!((sent(1), sent(2)), (2, 1));
    lambda.shutdown("SPINDOWN");
    assert_eq!(extension.exited().await.1, "");
}

#[tokio::test]
async fn an_answer_that_arrives_in_a_freeze_is_read() {
    let mut lambda = Lambda::start(LambdaOptions::default()).await;
    let mut xray = XRay::start([Response::AcceptAfter(Duration::from_millis(800))]).await;
    let extension = Extension::start(&lambda, &xray.address);
    lambda.ready().await;
    lambda.telemetry("[]").await;
    // This document belongs to no invocation. It is sent after a second.
    extension.send_document(&id(1));
    sleep(Duration::from_millis(1_400)).await;
    extension.signal("-STOP");
    xray.wait_for(&id(1)).await;
    sleep(Duration::from_millis(1_100)).await;
    extension.signal("-CONT");
    lambda.invoke("r-1", FUNCTION_TIMEOUT).await;
    extension.send_done("r-1");
    lambda.wait_for_next().await;
    lambda.shutdown("SPINDOWN");
    assert_eq!(extension.exited().await.1, "");
    assert_eq!(xray.received().len(), 1, "sent once");
}
