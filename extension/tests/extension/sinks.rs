//! Several sinks at a time (`XRAY_LAMBDA_SINKS`).

use std::path::Path;

use serde_json::Value;

use crate::lambda::{FUNCTION_TIMEOUT, Lambda, LambdaOptions};
use crate::sandbox::{Extension, id};
use crate::xray::{UnreachableXRay, XRay};

fn ids(documents: &[Value]) -> Vec<&str> {
    documents
        .iter()
        .filter_map(|document| document["id"].as_str())
        .collect()
}

fn lines(path: &Path) -> Vec<Value> {
    std::fs::read_to_string(path)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Runs one invocation with two documents. Returns the log.
async fn invoke(xray: &str, sinks: &str) -> String {
    let mut lambda = Lambda::start(LambdaOptions::default()).await;
    let extension = Extension::start_with(&lambda, xray, &[("XRAY_LAMBDA_SINKS", sinks)]);
    lambda.ready().await;
    lambda.telemetry("[]").await;
    lambda.invoke("r-1", FUNCTION_TIMEOUT).await;
    extension.send_document(&id(1));
    extension.send_document(&id(2));
    extension.send_done("r-1");
    lambda.wait_for_next().await;
    lambda.shutdown("SPINDOWN");
    let (status, log) = extension.exited().await;
    assert!(status.success(), "{log}");
    log
}

#[tokio::test]
async fn every_document_reaches_every_sink() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("documents.jsonl");
    let mut xray = XRay::start([]).await;
    let log = invoke(&xray.address, &format!("xray,file:{}", path.display())).await;
    assert_eq!(ids(&xray.received()), [id(1), id(2)]);
    assert_eq!(ids(&lines(&path)), [id(1), id(2)]);
    assert_eq!(log, "");
}

#[tokio::test]
async fn an_unreachable_sink_does_not_affect_another_and_has_its_own_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("documents.jsonl");
    let unreachable = UnreachableXRay::new();
    let log = invoke(
        &unreachable.address,
        &format!("file:{},xray", path.display()),
    )
    .await;
    assert_eq!(ids(&lines(&path)), [id(1), id(2)]);
    assert!(
        log.contains(
            "not every document reached X-Ray; 2 documents received: 0 sent, 0 rejected, 2 dropped, 0 buffered"
        ),
        "{log}"
    );
    assert_eq!(log.matches("not every document").count(), 1, "{log}");
}

#[tokio::test]
async fn with_the_file_sink_alone_nothing_is_sent_to_x_ray() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("documents.jsonl");
    let mut xray = XRay::start([]).await;
    let log = invoke(&xray.address, &format!("file:{}", path.display())).await;
    assert_eq!(ids(&lines(&path)), [id(1), id(2)]);
    assert!(xray.received().is_empty());
    assert_eq!(log, "");
}

#[tokio::test]
async fn a_relay_passes_documents_to_another_daemon() {
    let daemon = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut xray = XRay::start([]).await;
    let sinks = format!("relay:{}", daemon.local_addr().unwrap());
    let log = invoke(&xray.address, &sinks).await;
    let mut buffer = [0; 1_000];
    for n in 1..=2 {
        let length = daemon.recv(&mut buffer).await.unwrap();
        let datagram = std::str::from_utf8(&buffer[..length]).unwrap();
        let (header, document) = datagram.split_once('\n').unwrap();
        assert_eq!(header, r#"{"format":"json","version":1}"#);
        let document: Value = serde_json::from_str(document).unwrap();
        assert_eq!(document["id"], id(n));
    }
    assert!(xray.received().is_empty());
    assert_eq!(log, "");
}
