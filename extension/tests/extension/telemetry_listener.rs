//! The telemetry subscription, and the limits of its listener, which any process in the sandbox
//! can reach.

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::lambda::{Call, Lambda, LambdaOptions};
use crate::sandbox::Extension;
use crate::xray::XRay;

/// Opens a connection and sends half of a batch.
async fn half_sent(port: u16) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let head = "POST / HTTP/1.1\r\nHost: sandbox.localdomain\r\nContent-Length: 1000000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    // As many bytes as fit into the socket, without waiting for the extension.
    let _ = stream.try_write(&vec![b' '; 200_000]);
    stream
}

#[tokio::test]
async fn half_sent_batches_take_little_memory_and_leave_the_listener_alive() {
    let mut lambda = Lambda::start(LambdaOptions::default()).await;
    let xray = XRay::start([]).await;
    let extension = Extension::start(&lambda, &xray.address);
    lambda.ready().await;
    assert_eq!(lambda.telemetry("[]").await, 200);
    let before = extension.resident_kilobytes();
    // In waves that fit into the backlog of a listener. Each batch would stay in memory without
    // the limit of connections.
    for _ in 0..3 {
        let mut connections = Vec::new();
        for _ in 0..100 {
            connections.push(half_sent(lambda.telemetry_port()).await);
        }
    }
    assert_eq!(lambda.telemetry("[]").await, 200);
    let growth = extension.resident_kilobytes().saturating_sub(before);
    assert!(growth < 8 * 1024, "{before} kB and {growth} kB more");
}

#[tokio::test]
async fn half_sent_batches_that_stay_open_are_ended() {
    let mut lambda = Lambda::start(LambdaOptions::default()).await;
    let xray = XRay::start([]).await;
    let _extension = Extension::start(&lambda, &xray.address);
    lambda.ready().await;
    let mut connections = Vec::new();
    for _ in 0..4 {
        connections.push(half_sent(lambda.telemetry_port()).await);
    }
    assert_eq!(lambda.telemetry("[]").await, 200);
}

/// Starts the extension where these versions of the schema are rejected. Returns the versions
/// that it asked for, and its log.
async fn subscribed(rejected_schemas: &'static [&'static str]) -> (Vec<String>, String) {
    let mut lambda = Lambda::start(LambdaOptions {
        rejected_schemas,
        ..LambdaOptions::default()
    })
    .await;
    let xray = XRay::start([]).await;
    let extension = Extension::start(&lambda, &xray.address);
    let schemas = lambda.ready().await.into_iter().filter_map(|call| {
        let Call::Subscribe(body) = call else {
            return None;
        };
        body["schemaVersion"].as_str().map(str::to_owned)
    });
    let schemas = schemas.collect();
    lambda.shutdown("SPINDOWN");
    (schemas, extension.exited().await.1)
}

#[tokio::test]
async fn an_older_schema_is_used_if_the_newest_is_rejected() {
    let (schemas, log) = subscribed(&["2025-01-29"]).await;
    assert_eq!(schemas, ["2025-01-29", "2022-12-13"]);
    assert_eq!(log, "");
    let (schemas, log) = subscribed(&["2025-01-29", "2022-12-13"]).await;
    assert_eq!(schemas, ["2025-01-29", "2022-12-13", "2022-07-01"]);
    assert_eq!(log, "");
}

#[tokio::test]
async fn if_every_schema_is_rejected_the_log_says_so_once() {
    let (schemas, log) = subscribed(&["2025-01-29", "2022-12-13", "2022-07-01"]).await;
    assert_eq!(schemas.len(), 3);
    assert!(
        log.contains("the Telemetry API responded with 400"),
        "{log}"
    );
    assert_eq!(log.lines().count(), 1, "{log}");
}
