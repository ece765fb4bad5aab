//! Registration, `/next` and SHUTDOWN.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use crate::lambda::{Call, Lambda, LambdaOptions, TEST_TIMEOUT};
use crate::sandbox::{Extension, id};
use crate::xray::XRay;

#[tokio::test]
async fn the_extension_registers_its_file_name_and_subscribes_before_its_first_next() {
    let mut lambda = Lambda::start(LambdaOptions::default()).await;
    let xray = XRay::start([]).await;
    let _extension = Extension::start(&lambda, &xray.address);
    let calls = lambda.ready().await;
    let [
        Call::Register { name, events },
        Call::Subscribe(subscription),
    ] = calls.as_slice()
    else {
        panic!("{calls:?}")
    };
    assert_eq!(name, "xray-lambda-extension");
    assert_eq!(*events, json!(["INVOKE", "SHUTDOWN"]));
    assert_eq!(subscription["schemaVersion"], "2025-01-29");
    assert_eq!(subscription["types"], json!(["platform"]));
    assert_eq!(
        subscription["buffering"],
        json!({"maxItems": 1000, "maxBytes": 262144, "timeoutMs": 25})
    );
}

#[tokio::test]
async fn after_shutdown_the_rest_is_sent_and_the_process_exits() {
    for (subscription, reason) in [
        (200, "SPINDOWN"),
        (202, "SandboxTerminated"),
        (200, "TIMEOUT"),
    ] {
        let mut lambda = Lambda::start(LambdaOptions {
            subscription,
            ..LambdaOptions::default()
        })
        .await;
        let mut xray = XRay::start([]).await;
        let extension = Extension::start(&lambda, &xray.address);
        lambda.ready().await;
        (0..120).for_each(|n| extension.send_document(&id(n)));
        let begun = Instant::now();
        lambda.shutdown(reason);
        let (status, log) = extension.exited().await;
        assert!(status.success(), "{log}");
        assert_eq!(log, "");
        assert!(
            begun.elapsed() < Duration::from_secs(1),
            "{:?}",
            begun.elapsed()
        );
        assert_eq!(xray.received().len(), 120);
    }
}

#[tokio::test]
async fn a_document_sent_after_the_invocation_is_sent_at_shutdown() {
    let mut lambda = Lambda::start(LambdaOptions::default()).await;
    let mut xray = XRay::start([]).await;
    let extension = Extension::start(&lambda, &xray.address);
    lambda.ready().await;
    lambda.telemetry("[]").await;
    lambda.invoke("r-1", Duration::from_secs(10)).await;
    extension.send_document(&id(1));
    extension.send_done("r-1");
    lambda.wait_for_next().await;
    extension.send_document(&id(2));
    lambda.shutdown("SPINDOWN");
    let (status, log) = extension.exited().await;
    assert!(status.success(), "{log}");
    assert_eq!(xray.received().len(), 2);
}

#[tokio::test]
async fn without_a_runtime_api_the_program_exits_and_logs_the_reason() {
    let mut lambda = Lambda::start(LambdaOptions::default()).await;
    lambda.address.clear();
    let (status, log) = Extension::start(&lambda, "127.0.0.1:1").exited().await;
    assert!(!status.success());
    assert!(log.contains("AWS_LAMBDA_RUNTIME_API is not set"), "{log}");
}

#[tokio::test]
async fn an_unknown_event_is_ignored() {
    let mut lambda = Lambda::start(LambdaOptions::default()).await;
    let xray = XRay::start([]).await;
    let extension = Extension::start(&lambda, &xray.address);
    lambda.ready().await;
    drop(lambda.push_event(json!({"eventType": "HIBERNATE", "deadlineMs": 5})));
    lambda.wait_for_next().await;
    lambda.shutdown("SPINDOWN");
    assert!(extension.exited().await.0.success());
}

#[tokio::test]
async fn a_short_outage_of_the_runtime_api_does_not_end_the_extension() {
    use tokio::net::TcpListener;
    use xray_lambda_extension::lifecycle::{Event, ExtensionsApi, poll};

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api = ExtensionsApi::new(&listener.local_addr().unwrap().to_string());
    let (mut next, polling) = poll(api);
    next.call();
    let begun = Instant::now();
    for _ in 0..5 {
        // Closed without a response.
        drop(
            timeout(TEST_TIMEOUT, listener.accept())
                .await
                .unwrap()
                .unwrap(),
        );
    }
    assert!(
        begun.elapsed() >= Duration::from_millis(500),
        "the pauses grow: {:?}",
        begun.elapsed()
    );
    let (mut stream, _) = timeout(TEST_TIMEOUT, listener.accept())
        .await
        .unwrap()
        .unwrap();
    let body = r#"{"eventType":"SHUTDOWN","deadlineMs":5}"#;
    let response = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(response.as_bytes()).await.unwrap();
    let event = timeout(TEST_TIMEOUT, next.event()).await.unwrap();
    assert_eq!(event, Some(Event::Shutdown { deadline_ms: 5 }));
    polling.await.unwrap();
}

#[tokio::test]
async fn after_a_response_without_an_event_next_is_called_again_with_growing_pauses() {
    let mut lambda = Lambda::start(LambdaOptions::default()).await;
    let xray = XRay::start([]).await;
    let extension = Extension::start(&lambda, &xray.address);
    lambda.ready().await;
    let begun = Instant::now();
    for _ in 0..5 {
        drop(lambda.push_event(json!([])));
        lambda.wait_for_next().await;
    }
    assert!(
        begun.elapsed() >= Duration::from_millis(500),
        "the pauses grow: {:?}",
        begun.elapsed()
    );
    lambda.shutdown("SPINDOWN");
    let (status, log) = extension.exited().await;
    assert!(status.success());
    assert_eq!(log.matches("is not an event").count(), 1, "{log}");
}

#[tokio::test]
async fn a_final_error_of_the_extensions_api_ends_the_extension() {
    let mut lambda = Lambda::start(LambdaOptions::default()).await;
    let mut xray = XRay::start([]).await;
    let extension = Extension::start(&lambda, &xray.address);
    lambda.ready().await;
    extension.send_document(&id(1));
    xray.wait_for(&id(1)).await;
    let begun = Instant::now();
    lambda.fail_next_calls();
    let (_, log) = extension.exited().await;
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert!(log.contains("no more events"), "{log}");
}

#[tokio::test]
async fn after_a_panic_in_the_extension_next_is_still_called() {
    use xray_lambda_extension::lifecycle::{ExtensionsApi, poll};

    let mut lambda = Lambda::start(LambdaOptions::default()).await;
    let mut api = ExtensionsApi::new(&lambda.address);
    api.register("x", true).await.unwrap();
    assert!(matches!(lambda.next_call().await, Call::Register { .. }));
    let (next, polling) = poll(api);
    next.call();
    lambda.wait_for_next().await;
    // The task that owns `next` panics, which drops `next`.
    let bug = tokio::spawn(async move {
        let _owned = next;
        std::panic::resume_unwind(Box::new("a bug"));
    });
    assert!(bug.await.unwrap_err().is_panic());
    for n in 0..3 {
        lambda
            .invoke(&format!("r-{n}"), Duration::from_secs(3))
            .await;
        lambda.wait_for_next().await;
    }
    lambda.shutdown("SPINDOWN");
    polling.await.unwrap();
}
