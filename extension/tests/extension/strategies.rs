//! The time of `/next`, and the time at which documents are sent.

use std::time::{Duration, Instant};

use crate::lambda::{FUNCTION_TIMEOUT, Lambda, LambdaOptions, ROOT};
use crate::sandbox::{Extension, id};
use crate::xray::XRay;

/// Starts an extension whose telemetry arrives, and waits for its first `/next`.
async fn start(variables: &[(&str, &str)]) -> (Lambda, XRay, Extension) {
    let mut lambda = Lambda::start(LambdaOptions::default()).await;
    let xray = XRay::start([]).await;
    let extension = Extension::start_with(&lambda, &xray.address, variables);
    lambda.ready().await;
    lambda.telemetry("[]").await;
    (lambda, xray, extension)
}

#[tokio::test]
async fn an_invocation_is_held_only_if_it_may_make_documents() {
    let sampled = format!("{ROOT};Parent=53995c3f42cd8ad8;Sampled=1");
    let not_sampled = format!("{ROOT};Parent=53995c3f42cd8ad8;Sampled=0");
    let undecided = format!("{ROOT};Lineage=1:2");
    let segment = ("XRAY_LAMBDA_FUNCTION_SEGMENT", "true");
    let no_time = ("XRAY_LAMBDA_FLUSH_TIMEOUT_MS", "0");
    for (header, variables, is_held) in [
        (&sampled, vec![], true),
        (&undecided, vec![segment], true),
        (&undecided, vec![], false),
        (&not_sampled, vec![], false),
        (&not_sampled, vec![segment], false),
        (&sampled, vec![no_time], false),
        (&undecided, vec![segment, no_time], false),
        (&String::new(), vec![], false),
    ] {
        let (mut lambda, mut xray, extension) = start(&variables).await;
        lambda.invoke_with("r-1", FUNCTION_TIMEOUT, header).await;
        if is_held {
            // Sent while the handler runs, after a second.
            extension.send_document(&id(1));
            xray.wait_for(&id(1)).await;
            assert!(!lambda.has_unread_call(), "{header} {variables:?}");
            extension.send_done("r-1");
        }
        lambda.wait_for_next().await;
        lambda.shutdown("SPINDOWN");
        assert_eq!(extension.exited().await.1, "");
    }
}

#[tokio::test]
async fn dense_traffic_is_not_held_and_its_documents_follow() {
    let (mut lambda, mut xray, extension) = start(&[]).await;
    for n in 0..40 {
        let request_id = format!("r-{n}");
        lambda.invoke(&request_id, FUNCTION_TIMEOUT).await;
        if n < 15 {
            extension.send_document(&id(n));
            extension.send_done(&request_id);
            lambda.wait_for_next().await;
            assert_eq!(xray.received().len() as u64, n + 1, "sent before /next");
        } else {
            lambda.wait_for_next().await;
            extension.send_document(&id(n));
            extension.send_done(&request_id);
        }
    }
    // No invocation follows, and the sandbox does not freeze.
    let begun = Instant::now();
    for n in 0..40 {
        xray.wait_for(&id(n)).await;
    }
    assert!(begun.elapsed() < Duration::from_millis(900));
    lambda.shutdown("SPINDOWN");
    assert_eq!(extension.exited().await.1, "");
}

#[tokio::test]
async fn the_strategy_next_sends_the_documents_with_the_next_invocation() {
    let (mut lambda, mut xray, extension) = start(&[("XRAY_LAMBDA_FLUSH_STRATEGY", "next")]).await;
    for n in 0..3 {
        let request_id = format!("r-{n}");
        lambda.invoke(&request_id, FUNCTION_TIMEOUT).await;
        lambda.wait_for_next().await;
        if n > 0 {
            xray.wait_for(&id(n - 1)).await;
        }
        extension.send_document(&id(n));
        extension.send_done(&request_id);
    }
    lambda.shutdown("SPINDOWN");
    assert_eq!(extension.exited().await.1, "");
    assert_eq!(xray.received().len(), 3);
}

#[tokio::test]
async fn the_strategy_background_sends_several_invocations_in_one_request() {
    let period = ("XRAY_LAMBDA_FLUSH_STRATEGY", "background:700");
    let (mut lambda, mut xray, extension) = start(&[period]).await;
    let begun = Instant::now();
    for n in 0..5 {
        let request_id = format!("r-{n}");
        lambda.invoke(&request_id, FUNCTION_TIMEOUT).await;
        lambda.wait_for_next().await;
        extension.send_document(&id(n));
        extension.send_done(&request_id);
    }
    let request = xray.next_request().await;
    assert!(begun.elapsed() >= Duration::from_millis(600));
    assert_eq!(request.documents.len(), 5);
    lambda.shutdown("SPINDOWN");
    assert_eq!(extension.exited().await.1, "");
}

#[tokio::test]
async fn on_managed_instances_the_period_is_that_of_the_strategy() {
    let mut lambda = Lambda::start(LambdaOptions {
        invoke_forbidden: true,
        ..LambdaOptions::default()
    })
    .await;
    let mut xray = XRay::start([]).await;
    let variables = [
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "lambda-managed-instances"),
        ("XRAY_LAMBDA_FLUSH_STRATEGY", "background:150"),
    ];
    let extension = Extension::start_with(&lambda, &xray.address, &variables);
    lambda.ready().await;
    let begun = Instant::now();
    extension.send_document(&id(1));
    xray.wait_for(&id(1)).await;
    let waited = begun.elapsed();
    assert!(
        waited >= Duration::from_millis(140) && waited < Duration::from_millis(900),
        "{waited:?}"
    );
}

#[tokio::test]
async fn an_unknown_strategy_is_logged_and_the_default_is_used() {
    let (mut lambda, _xray, extension) = start(&[("XRAY_LAMBDA_FLUSH_STRATEGY", "never")]).await;
    lambda.invoke("r-1", FUNCTION_TIMEOUT).await;
    extension.send_done("r-1");
    lambda.wait_for_next().await;
    lambda.shutdown("SPINDOWN");
    let (_, log) = extension.exited().await;
    assert!(log.contains("\"never\" is not a flush strategy"), "{log}");
}
