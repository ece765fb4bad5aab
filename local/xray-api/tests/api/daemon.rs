use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::net::UdpSocket;
use tokio::sync::oneshot;
use xray_document::Datagram;
use xray_local_api::{DaemonCounts, daemon};
use xray_local_store::Store;

use crate::client::{TRACE, segment};

fn datagram(json: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    Datagram::Document(json).write_to(&mut bytes);
    bytes
}

/// Sends every datagram, waits until the trace has `stored` segments, and stops the daemon.
async fn run(datagrams: Vec<Vec<u8>>, stored: usize) -> (DaemonCounts, Arc<Store>) {
    let store = Arc::new(Store::in_memory().unwrap());
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async move {
        let _ = stopped.await;
    };
    let running = tokio::spawn(daemon(socket, store.clone(), |_| (), shutdown));
    let sender = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for datagram in datagrams {
        sender.send_to(&datagram, address).await.unwrap();
    }
    let all_stored = async {
        loop {
            let traces = store.traces(&[TRACE.parse().unwrap()]).unwrap();
            if traces.first().map_or(0, |trace| trace.segments.len()) >= stored {
                break;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), all_stored)
        .await
        .expect("all documents are stored");
    stop.send(()).unwrap();
    let counts = tokio::time::timeout(Duration::from_secs(20), running)
        .await
        .unwrap()
        .unwrap();
    (counts, store)
}

#[tokio::test]
async fn datagrams_are_stored_and_malformed_ones_are_counted() {
    let mut signal = Vec::new();
    Datagram::Done {
        request_id: "r",
        documents: None,
    }
    .write_to(&mut signal);
    let mut datagrams = vec![b"no separator".to_vec(), datagram("{}"), signal, Vec::new()];
    for n in 1..=120 {
        datagrams.push(datagram(
            &segment(&format!("{n:016x}"), json!({})).to_string(),
        ));
    }
    let (counts, _) = run(datagrams, 120).await;
    assert_eq!(
        counts,
        DaemonCounts {
            dropped: 0,
            received: 123,
            stored: 120,
            rejected: 2,
            signals: 1
        }
    );
}

#[tokio::test]
async fn datagrams_that_wait_in_the_socket_at_shutdown_are_stored() {
    let store = Arc::new(Store::in_memory().unwrap());
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let sender = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for n in 1..=20 {
        let bytes = datagram(&segment(&format!("{n:016x}"), json!({})).to_string());
        sender
            .send_to(&bytes, socket.local_addr().unwrap())
            .await
            .unwrap();
    }
    let counts = daemon(socket, store.clone(), |_| (), std::future::ready(())).await;
    assert_eq!((counts.received, counts.stored), (20, 20));
    let trace = store
        .traces(&[TRACE.parse().unwrap()])
        .unwrap()
        .pop()
        .unwrap();
    assert_eq!(trace.segments.len(), 20);
}

#[tokio::test]
async fn every_datagram_of_a_burst_is_stored_or_counted_as_dropped() {
    let store = Arc::new(Store::in_memory().unwrap());
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(daemon(socket, store, |_| (), async move {
        let _ = stopped.await;
    }));
    // Lets the daemon start and enlarge the socket's buffer before the burst.
    tokio::task::yield_now().await;
    let sender = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let burst = 6_000;
    for n in 1..=burst {
        let id = format!("{n:016x}");
        sender
            .send_to(&datagram(&segment(&id, json!({})).to_string()), address)
            .unwrap();
    }
    stop.send(()).unwrap();
    let counts = running.await.unwrap();
    assert_eq!(counts.received + counts.dropped, burst, "{counts:?}");
    assert!(counts.received > 0, "{counts:?}");
}
