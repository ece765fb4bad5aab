//! The limits of the telemetry listener, which any process in the sandbox can reach.

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::lambda::{Lambda, LambdaOptions};
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
