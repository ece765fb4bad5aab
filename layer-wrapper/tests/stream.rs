//! The stream to the extension: nothing is lost, and nobody waits.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod support;

use std::io::Read;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::time::{Duration, Instant};

use support::{PARENT, Receiver, Trace, invoke, sampled};
use xray_document::{Datagram, Document, MAX_FRAME_BYTES, first_frame, frame_bytes, stream_name};
use xray_lambda::subsegment;

/// Longer than a call that does not wait takes, on a machine with other work.
const NOT_WAITING: Duration = Duration::from_secs(5);

/// Stands for the extension: a UDP port and the socket for streams.
struct Extension {
    udp: Receiver,
    listener: UnixListener,
}

impl Extension {
    fn start() -> Self {
        let udp = Receiver::start();
        let name = SocketAddr::from_abstract_name(stream_name(udp.address())).unwrap();
        let listener = UnixListener::bind_addr(&name).unwrap();
        Self { udp, listener }
    }

    fn accept(&self) -> Stream {
        let (stream, _) = self.listener.accept().unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        Stream {
            stream,
            bytes: Vec::new(),
        }
    }
}

struct Stream {
    stream: UnixStream,
    bytes: Vec<u8>,
}

impl Stream {
    fn datagram(&mut self) -> Vec<u8> {
        loop {
            if let Some(datagram) = first_frame(&self.bytes).unwrap() {
                let datagram = datagram.to_vec();
                self.bytes.drain(..frame_bytes(&datagram));
                return datagram;
            }
            let mut chunk = vec![0; MAX_FRAME_BYTES];
            let length = self.stream.read(&mut chunk).unwrap();
            assert!(length > 0, "the stream ended");
            self.bytes.extend_from_slice(&chunk[..length]);
        }
    }

    /// The trace up to the signal, and the signal's number of documents.
    fn invocation(&mut self) -> (Trace, u64) {
        let mut trace = Trace::default();
        loop {
            let datagram = self.datagram();
            match Datagram::parse(&datagram).unwrap() {
                Datagram::Document(json) => match Document::parse(json).unwrap() {
                    Document::Subsegment(subsegment) => trace.add(*subsegment),
                    Document::Segment(segment) => panic!("a segment: {}", segment.name),
                },
                Datagram::Done { documents, .. } => return (trace, documents.unwrap()),
            }
        }
    }
}

/// Ends subsegments with this many bytes of metadata each, one after another.
fn end_subsegments(count: usize, bytes: usize) {
    let text = "x".repeat(bytes);
    for _ in 0..count {
        subsegment("work").metadata("text", &text).run(|| ());
    }
}

#[tokio::test]
async fn all_datagrams_of_an_invocation_take_the_stream_in_order() {
    let extension = Extension::start();
    let layer = extension.udp.layer();
    for number in 1..=2 {
        invoke(&layer, Some(&sampled()), async |_| {
            end_subsegments(1, 0);
            Ok(())
        })
        .await
        .unwrap();
        if number == 1 {
            continue;
        }
        let mut stream = extension.accept();
        for documents in [2, 4] {
            let (trace, sent) = stream.invocation();
            assert_eq!(trace.len(), 2);
            assert_eq!(trace.parent_id("## orders").to_string(), PARENT);
            assert_eq!(sent, documents, "since the stream began");
        }
    }
    assert!(!extension.udp.has_datagram());
}

#[tokio::test]
async fn a_reader_without_cpu_time_delays_nothing_and_gets_everything_later() {
    let extension = Extension::start();
    let layer = extension.udp.layer();
    let begun = Instant::now();
    // About 3 MB. The kernel's buffer holds 0.2 MB.
    for _ in 0..6 {
        invoke(&layer, Some(&sampled()), async |_| {
            end_subsegments(100, 5_000);
            Ok(())
        })
        .await
        .unwrap();
    }
    assert!(begun.elapsed() < NOT_WAITING, "{:?}", begun.elapsed());
    let mut stream = extension.accept();
    let mut documents = 0;
    for _ in 0..6 {
        let (trace, sent) = stream.invocation();
        let work = trace.all().filter(|subsegment| subsegment.name == "work");
        assert_eq!(work.count(), 100);
        documents += trace.documents as u64;
        assert_eq!(sent, documents);
    }
}

#[tokio::test]
async fn what_the_queue_cannot_hold_is_dropped_and_the_signal_shows_it() {
    let extension = Extension::start();
    let layer = extension.udp.layer();
    let dropped_before = xray_lambda::stats().dropped;
    // About 10 MB. The queue holds 4 MB.
    for _ in 0..20 {
        invoke(&layer, Some(&sampled()), async |_| {
            end_subsegments(100, 5_000);
            Ok(())
        })
        .await
        .unwrap();
    }
    let dropped = xray_lambda::stats().dropped - dropped_before;
    assert!(dropped > 0);
    let mut stream = extension.accept();
    let (mut arrived, mut sent) = (0, 0);
    for _ in 0..20 {
        let (trace, documents) = stream.invocation();
        arrived += trace.documents as u64;
        sent = documents;
    }
    assert_eq!(arrived + dropped, sent);
}

#[tokio::test]
async fn after_the_end_of_the_extension_documents_go_by_udp() {
    let Extension { udp, listener } = Extension::start();
    let layer = udp.layer();
    let run = async || {
        let handler = async |_| {
            end_subsegments(1, 0);
            Ok(())
        };
        invoke(&layer, Some(&sampled()), handler).await.unwrap();
    };
    run().await;
    drop(listener);
    run().await;
    assert_eq!(udp.invocation().len(), 2);
}

#[tokio::test]
async fn an_extension_that_ends_and_starts_again_gets_a_new_stream() {
    let extension = Extension::start();
    let layer = extension.udp.layer();
    for _ in 0..2 {
        invoke(&layer, Some(&sampled()), async |_| Ok(()))
            .await
            .unwrap();
        let (trace, sent) = extension.accept().invocation();
        assert_eq!((trace.documents, sent), (2, 2));
    }
}
