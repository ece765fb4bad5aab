//! Datagrams from the function.

use std::net::UdpSocket;

use crate::lambda::{FUNCTION_TIMEOUT, Lambda, LambdaOptions};
use crate::sandbox::{Extension, free_udp_address, id};
use crate::xray::XRay;

#[tokio::test]
async fn malformed_datagrams_are_counted_and_each_reason_is_logged_once() {
    let mut lambda = Lambda::start(LambdaOptions::default()).await;
    let mut xray = XRay::start([]).await;
    let extension = Extension::start(&lambda, &xray.address);
    lambda.ready().await;
    for _ in 0..3 {
        extension.send_bytes(b"nonsense");
        extension.send_bytes(b"");
        extension.send_bytes(b"{\"format\":\"json\",\"version\":1}\n{\"secret\":");
    }
    extension.send_bytes(b"{\"format\":\"json\",\"version\":1}\nT1SCgA=");
    extension
        .send_bytes(b"{\"format\":\"json\",\"version\":1}\n{\"id\":\"secret\",\"name\":\"n\"}");
    extension.send_document(&id(1));
    lambda.shutdown("SPINDOWN");
    let (status, log) = extension.exited().await;
    assert!(status.success());
    assert_eq!(xray.received().len(), 1);
    for reason in [
        "no newline",
        "not a JSON object",
        "OpenTelemetry",
        "missing or malformed id",
    ] {
        assert_eq!(log.matches(reason).count(), 1, "{reason}: {log}");
    }
    assert!(
        log.contains("9 documents received: 1 sent, 8 rejected, 0 dropped, 0 buffered"),
        "{log}"
    );
    assert!(
        log.lines()
            .all(|line| line.starts_with("xray-lambda-extension: ")),
        "{log}"
    );
    assert!(!log.contains("secret"), "{log}");
}

#[tokio::test]
async fn a_document_as_large_as_a_datagram_arrives() {
    let mut lambda = Lambda::start(LambdaOptions::default()).await;
    let mut xray = XRay::start([]).await;
    let extension = Extension::start(&lambda, &xray.address);
    lambda.ready().await;
    extension.send_large_document(&id(1), 65_000);
    lambda.shutdown("SPINDOWN");
    extension.exited().await;
    assert_eq!(xray.received().len(), 1);
}

#[tokio::test]
async fn with_a_used_port_the_function_works_and_the_reason_is_logged() {
    let other = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let mut lambda = Lambda::start(LambdaOptions::default()).await;
    let mut xray = XRay::start([]).await;
    let variables = [("AWS_XRAY_DAEMON_ADDRESS", address.as_str())];
    let extension = Extension::start_with(&lambda, &xray.address, &variables);
    lambda.ready().await;
    let start = format!(
        r#"[{{"time":"2026-01-10T09:00:00.130Z","type":"platform.start","record":{{"requestId":"r-1","tracing":{{"spanId":"54565fb41ac79632","type":"X-Amzn-Trace-Id","value":"Root=1-6750a1b2-00112233445566778899aabb;Parent=0efbd19962d95b05;Sampled=1"}}}}}},
        {{"time":"2026-01-10T09:00:00.170Z","type":"platform.runtimeDone","record":{{"requestId":"r-1","status":"error","errorType":"Runtime.ExitError"{}}}}}]"#,
        r#","spans":[{"name":"responseLatency","start":"2026-01-10T09:00:00.130Z","durationMs":39.8}]"#
    );
    lambda.telemetry("[]").await;
    lambda.invoke("r-1", FUNCTION_TIMEOUT).await;
    lambda.telemetry(&start).await;
    lambda.wait_for_next().await;
    assert_eq!(xray.received().len(), 2, "subsegments of the platform");
    lambda.shutdown("SPINDOWN");
    let (status, log) = extension.exited().await;
    assert!(status.success());
    assert!(
        log.contains(&format!("cannot listen on UDP {address}")),
        "{log}"
    );
}

#[tokio::test]
async fn the_second_form_of_the_address_is_accepted() {
    let mut lambda = Lambda::start(LambdaOptions::default()).await;
    let mut xray = XRay::start([]).await;
    let address = free_udp_address();
    let both = format!("tcp:127.0.0.1:1 udp:{address}");
    let variables = [("AWS_XRAY_DAEMON_ADDRESS", both.as_str())];
    let mut extension = Extension::start_with(&lambda, &xray.address, &variables);
    extension.intake = address;
    lambda.ready().await;
    extension.send_document(&id(1));
    lambda.shutdown("SPINDOWN");
    extension.exited().await;
    assert_eq!(xray.received().len(), 1);
}

#[tokio::test]
async fn datagrams_dropped_by_the_kernel_are_counted() {
    let mut lambda = Lambda::start(LambdaOptions::default()).await;
    let mut xray = XRay::start([]).await;
    let extension = Extension::start(&lambda, &xray.address);
    lambda.ready().await;
    // The extension is stopped, and the burst is larger than any receive buffer.
    extension.signal("-STOP");
    (0..200).for_each(|n| extension.send_large_document(&id(n), 60_000));
    extension.signal("-CONT");
    lambda.shutdown("SPINDOWN");
    let (_, log) = extension.exited().await;
    let number_before = |words: &str| -> usize {
        let before = log.split(words).next().unwrap();
        before.rsplit(' ').next().unwrap().parse().unwrap()
    };
    let received = number_before(" documents received");
    let dropped = number_before(" more datagrams");
    assert!(dropped > 0 && received + dropped == 200, "{log}");
    assert!(!xray.received().is_empty());
}

#[tokio::test]
async fn datagrams_of_open_telemetry_are_passed_to_the_daemon_of_the_relay() {
    let daemon = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut lambda = Lambda::start(LambdaOptions::default()).await;
    let xray = XRay::start([]).await;
    let sinks = format!("relay:{}", daemon.local_addr().unwrap());
    let extension = Extension::start_with(&lambda, &xray.address, &[("XRAY_LAMBDA_SINKS", &sinks)]);
    lambda.ready().await;
    for body in ["T1SCgoKCA==", "T1UCgoKCA==", "M1CgoKCA=="] {
        // Java writes the header with spaces.
        let datagram = format!("{{\"format\": \"json\", \"version\": 1}}\n{body}");
        extension.send_bytes(datagram.as_bytes());
        let mut buffer = [0; 100];
        let length = daemon.recv(&mut buffer).await.unwrap();
        assert_eq!(&buffer[..length], datagram.as_bytes());
    }
    lambda.shutdown("SPINDOWN");
    assert_eq!(extension.exited().await.1, "");
}

#[tokio::test]
async fn silence_in_sampled_invocations_is_reported_once() {
    let mut lambda = Lambda::start(LambdaOptions::default()).await;
    let xray = XRay::start([]).await;
    let extension = Extension::start(&lambda, &xray.address);
    lambda.ready().await;
    lambda.telemetry("[]").await;
    for n in 0..13 {
        let written = lambda.push_event(serde_json::json!({
            "eventType": "INVOKE",
            "deadlineMs": crate::lambda::epoch_ms() + 30_000,
            "requestId": format!("r-{n}"),
            "invokedFunctionArn": "arn:aws:lambda:eu-west-1:123456789012:function:orders",
            "tracing": {"type": "X-Amzn-Trace-Id", "value": "Root=1-6750a1b2-00112233445566778899aabb;Parent=53995c3f42cd8ad8;Sampled=1"},
        }));
        written.await.unwrap();
        lambda.runtime_done(&format!("r-{n}")).await;
        lambda.wait_for_next().await;
    }
    lambda.shutdown("SPINDOWN");
    let (_, log) = extension.exited().await;
    let line = "no SDK has sent a document in ten sampled invocations";
    assert_eq!(log.matches(line).count(), 1, "{log}");
}
