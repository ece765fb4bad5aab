//! An extension and a wrapper of other versions.

use std::io::Write;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};

use xray_document::{stream_name, write_frame};

use crate::lambda::{FUNCTION_TIMEOUT, Lambda, LambdaOptions};
use crate::sandbox::{Extension, document, id};
use crate::xray::XRay;

struct Fixture {
    lambda: Lambda,
    xray: XRay,
    extension: Extension,
}

impl Fixture {
    async fn start() -> Self {
        let mut lambda = Lambda::start(LambdaOptions::default()).await;
        let xray = XRay::start([]).await;
        let extension = Extension::start(&lambda, &xray.address);
        lambda.ready().await;
        lambda.telemetry("[]").await;
        lambda.invoke("r-1", FUNCTION_TIMEOUT).await;
        Self {
            lambda,
            xray,
            extension,
        }
    }

    /// The stream that a wrapper of this version opens.
    fn stream(&self) -> UnixStream {
        let name = stream_name(self.extension.intake.parse().unwrap());
        let name = SocketAddr::from_abstract_name(name).unwrap();
        UnixStream::connect_addr(&name).unwrap()
    }

    /// Waits for `/next`, and ends the extension. Returns the number of documents in X-Ray, and
    /// the log.
    async fn ended(mut self) -> (usize, String) {
        self.lambda.wait_for_next().await;
        self.lambda.shutdown("SPINDOWN");
        let (status, log) = self.extension.exited().await;
        assert!(status.success(), "{log}");
        (self.xray.received().len(), log)
    }
}

/// The bytes of a wrapper's signal, as they are on the wire.
fn signal(more: &str) -> Vec<u8> {
    let text = format!("{{\"format\":\"xray-lambda\",\"version\":1}}\n{{\"done\":\"r-1\"{more}}}");
    text.into_bytes()
}

#[tokio::test]
async fn an_older_wrapper_without_a_count_ends_the_invocation_and_misses_nothing() {
    let fixture = Fixture::start().await;
    fixture.extension.send_document(&id(1));
    fixture.extension.send_bytes(&signal(""));
    assert_eq!(fixture.ended().await, (1, String::new()));
}

#[tokio::test]
async fn an_end_in_telemetry_waits_for_the_rest_of_a_frame() {
    let mut fixture = Fixture::start().await;
    let mut stream = fixture.stream();
    let mut bytes = Vec::new();
    write_frame(&mut bytes, |out| {
        out.extend_from_slice(&document(&id(1), 0));
    });
    let (first, rest) = bytes.split_at(bytes.len() / 2);
    stream.write_all(first).unwrap();
    fixture.lambda.runtime_done("r-1").await;
    stream.write_all(rest).unwrap();
    fixture.lambda.wait_for_next().await;
    assert_eq!(fixture.xray.received().len(), 1);
}

#[tokio::test]
async fn an_end_in_telemetry_does_not_wait_for_a_wrapper_that_ended_within_a_frame() {
    let mut fixture = Fixture::start().await;
    fixture.stream().write_all(&[0, 0, 1]).unwrap();
    fixture.lambda.runtime_done("r-1").await;
    fixture.lambda.wait_for_next().await;
}

#[tokio::test]
async fn a_later_wrapper_with_more_fields_ends_the_invocation() {
    let fixture = Fixture::start().await;
    fixture.extension.send_document(&id(1));
    let more = ",\"documents\":1,\"later\":{\"a\":[1]}";
    fixture.extension.send_bytes(&signal(more));
    assert_eq!(fixture.ended().await, (1, String::new()));
}

#[tokio::test]
async fn documents_that_a_signal_misses_are_logged_and_counted() {
    let fixture = Fixture::start().await;
    fixture.extension.send_document(&id(1));
    fixture.extension.send_bytes(&signal(",\"documents\":8"));
    let (documents, log) = fixture.ended().await;
    assert_eq!(documents, 1);
    assert!(log.contains("7 documents were lost so far"), "{log}");
    assert!(log.contains("the kernel dropped 7 more datagrams"), "{log}");
}

#[tokio::test]
async fn documents_that_the_wrapper_dropped_are_logged_and_counted() {
    let fixture = Fixture::start().await;
    let mut stream = fixture.stream();
    let mut bytes = Vec::new();
    write_frame(&mut bytes, |out| {
        out.extend_from_slice(&document(&id(1), 0));
    });
    write_frame(&mut bytes, |out| {
        out.extend_from_slice(&signal(",\"documents\":4"));
    });
    stream.write_all(&bytes).unwrap();
    let (documents, log) = fixture.ended().await;
    assert_eq!(documents, 1);
    assert!(log.contains("3 documents were lost so far"), "{log}");
    assert!(log.contains("the function dropped 3 more"), "{log}");
}

#[tokio::test]
async fn a_stream_of_another_protocol_is_counted_as_rejected_and_closed() {
    let fixture = Fixture::start().await;
    fixture
        .stream()
        .write_all(b"GET / HTTP/1.1\r\n\r\n")
        .unwrap();
    fixture.extension.send_document(&id(1));
    fixture.extension.send_bytes(&signal(""));
    let (documents, log) = fixture.ended().await;
    assert_eq!(documents, 1);
    assert!(
        log.contains("its stream is not one of the wrapper"),
        "{log}"
    );
    assert!(
        log.contains("2 documents received: 1 sent, 1 rejected"),
        "{log}"
    );
}

#[tokio::test]
async fn a_wrapper_that_ends_within_a_frame_loses_only_that_document() {
    let fixture = Fixture::start().await;
    let mut stream = fixture.stream();
    let mut bytes = Vec::new();
    for n in [1, 2] {
        write_frame(&mut bytes, |out| {
            out.extend_from_slice(&document(&id(n), 0));
        });
    }
    stream.write_all(&bytes[..bytes.len() - 1]).unwrap();
    drop(stream);
    let mut stream = fixture.stream();
    bytes.clear();
    write_frame(&mut bytes, |out| {
        out.extend_from_slice(&signal(",\"documents\":0"));
    });
    stream.write_all(&bytes).unwrap();
    assert_eq!(fixture.ended().await, (1, String::new()));
}
