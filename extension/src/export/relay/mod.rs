//! Lambda's own X-Ray daemon as a sink, outside the sandbox: documents go to it by UDP, as
//! without the layer. It needs no route to X-Ray, and costs no request in billed time.

mod open_telemetry;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::sync::OnceCell;
use tokio::time::{timeout, timeout_at};
use xray_document::Datagram;
use xray_document::limits::MAX_DOCUMENTS_PER_PUT;

pub use self::open_telemetry::OpenTelemetryRelay;
use super::sink::{Fate, LeftOut, Outcome, SendFuture, Sink, no_response};
use crate::buffer::{Batch, BatchLimits};

/// The address of Lambda's daemon that was recorded on Lambda in 2026. Older sandboxes had
/// 169.254.79.129:2000.
pub(crate) const DEFAULT_ADDRESS: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(169, 254, 100, 1)), 2000);

/// Sends each document to another daemon by UDP. The daemon never answers, so a document that it
/// does not receive counts as sent, unless the kernel reports a refusal before its batch ends.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    socket: OnceCell<UdpSocket>,
    /// True if the last batch was refused.
    refused: AtomicBool,
}

/// One batch is sent without a pause. It must fit into the daemon's receive buffer, whose size is
/// unknown; 212,992 bytes is the default of Linux.
const LIMITS: BatchLimits = BatchLimits {
    documents: MAX_DOCUMENTS_PER_PUT,
    bytes: 128 * 1024,
};

/// A datagram is either sent at once or never.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The time for a refusal to arrive, in the first batch after a refusal. The report of a closed
/// port arrives after the datagram was sent.
const REFUSAL_TIME: Duration = Duration::from_millis(50);

const NAME: &str = "the daemon";

impl Relay {
    /// Will send to `address`. Nothing is opened yet.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            socket: OnceCell::new(),
            refused: AtomicBool::new(false),
        }
    }

    async fn send_datagram(&self, datagram: &[u8]) -> io::Result<()> {
        let socket = self.socket.get_or_try_init(|| connect(self.address));
        socket.await?.send(datagram).await?;
        Ok(())
    }

    /// Returns a refusal of datagrams sent before.
    async fn refusal(&self) -> Option<io::Error> {
        let socket = self.socket.get()?;
        if !self.refused.load(Ordering::Relaxed) {
            return socket.take_error().ok().flatten();
        }
        let received = timeout(REFUSAL_TIME, socket.recv(&mut [0; 1])).await;
        received.ok()?.err()
    }

    fn later(&self, error: &io::Error) -> Outcome {
        self.refused.store(true, Ordering::Relaxed);
        let reason = format!("cannot send to the daemon at {}: {error}", self.address);
        Outcome::Later(reason.into())
    }

    async fn send_documents(&self, batch: &Batch, until: Instant) -> Outcome {
        let mut left_out = Vec::new();
        let mut datagram = Vec::new();
        let begun = Instant::now();
        for (index, document) in batch.documents().enumerate() {
            datagram.clear();
            Datagram::Document(&document.json).write_to(&mut datagram);
            let (fate, reason) = match timeout_at(until.into(), self.send_datagram(&datagram)).await
            {
                Ok(Ok(())) => continue,
                Ok(Err(error)) if is_too_large(&error) => (
                    Fate::Rejected,
                    "it does not fit into a datagram to the daemon".to_owned(),
                ),
                // A refusal is the answer to an earlier datagram, so no document of this batch
                // counts as sent.
                Ok(Err(error)) => return self.later(&error),
                Err(_) => (Fate::Later, no_response(NAME, begun.elapsed())),
            };
            if index == 0 && fate == Fate::Later {
                return Outcome::Later(reason.into());
            }
            left_out.push(LeftOut {
                index,
                fate,
                reason,
            });
        }
        if let Some(error) = self.refusal().await {
            return self.later(&error);
        }
        self.refused.store(false, Ordering::Relaxed);
        Outcome::Accepted(left_out)
    }
}

async fn connect(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((unspecified(address), 0)).await?;
    // Without a connection, the kernel would not report that nothing listens there.
    socket.connect(address).await?;
    Ok(socket)
}

/// Every interface, of the same family as `address`.
fn unspecified(address: SocketAddr) -> IpAddr {
    match address.ip() {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}

/// `EMSGSIZE` has no portable name in the standard library; on Linux it is 90.
fn is_too_large(error: &io::Error) -> bool {
    error.raw_os_error() == Some(90)
}

impl Sink for Relay {
    fn name(&self) -> &'static str {
        NAME
    }

    fn limits(&self) -> BatchLimits {
        LIMITS
    }

    /// One, so that the complete version of a document is sent after its in-progress version.
    fn batches_in_flight(&self) -> usize {
        1
    }

    fn timeout(&self) -> Duration {
        TIMEOUT
    }

    fn recovered(&self) -> &'static str {
        "refuses no documents any more; it sends no answers, so lost documents count as sent"
    }

    fn send<'a>(&'a self, batch: &'a Batch, until: Instant) -> SendFuture<'a> {
        Box::pin(self.send_documents(batch, until))
    }
}

#[cfg(test)]
mod tests {
    use xray_document::SegmentId;

    use super::*;
    use crate::buffer::DocumentBuffer;
    use crate::raw_document::RawDocument;

    fn batch(documents: &[&str]) -> Batch {
        let mut buffer = DocumentBuffer::new(1 << 20);
        for (id, json) in (1..).zip(documents) {
            buffer.push(RawDocument::new(
                None,
                SegmentId::from_u64(id),
                false,
                *json,
            ));
        }
        buffer.take_batch(LIMITS).unwrap()
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    #[tokio::test]
    async fn each_document_is_a_datagram_as_an_sdk_sends_it() {
        let daemon = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let relay = Relay::new(daemon.local_addr().unwrap());
        let outcome = relay
            .send(&batch(&[r#"{"a":1}"#, r#"{"a":2}"#]), soon())
            .await;
        assert_eq!(outcome, Outcome::Accepted(Vec::new()));
        let mut buffer = [0; 100];
        for expected in [r#"{"a":1}"#, r#"{"a":2}"#] {
            let length = daemon.recv(&mut buffer).await.unwrap();
            let datagram = std::str::from_utf8(&buffer[..length]).unwrap();
            assert_eq!(
                datagram,
                format!("{{\"format\":\"json\",\"version\":1}}\n{expected}")
            );
        }
    }

    #[tokio::test]
    async fn a_document_larger_than_a_datagram_is_rejected_and_the_next_is_sent() {
        let daemon = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let relay = Relay::new(daemon.local_addr().unwrap());
        let large = format!("\"{}\"", "x".repeat(65_500));
        let Outcome::Accepted(left_out) = relay.send(&batch(&[&large, "{}"]), soon()).await else {
            panic!("not accepted")
        };
        let left_out: Vec<_> = left_out
            .iter()
            .map(|left| (left.index, left.fate))
            .collect();
        assert_eq!(left_out, [(0, Fate::Rejected)]);
        assert!(daemon.recv(&mut [0; 100]).await.unwrap() < 100);
    }

    #[tokio::test]
    async fn documents_wait_while_no_daemon_listens() {
        let closed = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let relay = Relay::new(closed.local_addr().unwrap());
        drop(closed);
        // The kernel may report the missing listener with the next datagram.
        let _ = relay.send(&batch(&["{}"]), soon()).await;
        for documents in [["{}"; 1].as_slice(), &["{}"; 4], &["{}"; 5]] {
            let outcome = relay.send(&batch(documents), soon()).await;
            assert!(matches!(outcome, Outcome::Later(_)), "{outcome:?}");
        }
    }

    #[tokio::test]
    async fn documents_are_sent_again_if_a_daemon_listens_after_a_refusal() {
        let closed = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = closed.local_addr().unwrap();
        let relay = Relay::new(address);
        drop(closed);
        for _ in 0..2 {
            let _ = relay.send(&batch(&["{}"]), soon()).await;
        }
        let _daemon = UdpSocket::bind(address).await.unwrap();
        // The last refusal may be reported once more.
        let _ = relay.send(&batch(&["{}"]), soon()).await;
        let outcome = relay.send(&batch(&["{}"]), soon()).await;
        assert_eq!(outcome, Outcome::Accepted(Vec::new()));
    }
}
