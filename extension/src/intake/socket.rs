use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::UdpSocket;
use xray_daemon_socket::{dropped_datagrams, enlarge_receive_buffer};
use xray_document::limits::DAEMON_RECEIVE_BUFFER_BYTES;

use super::datagram::{self, Received, Rejection};
use super::loss::{Loss, Total};
use super::senders::Senders;
use super::silence::Silence;
use super::stream::Streams;

/// The daemon's UDP port, and the streams of wrappers.
#[derive(Debug)]
pub struct Intake {
    socket: Option<UdpSocket>,
    buffer: Box<[u8]>,
    senders: Senders,
    streams: Option<Streams>,
    /// True if the last read failed for another reason than that no datagram waits.
    failed: bool,
    /// Documents that the kernel dropped, as far as signals show it.
    missing_in_kernel: Total,
    /// Documents that wrappers dropped.
    missing_in_wrapper: Total,
    /// True if documents were lost since [`has_lost`](Self::has_lost) was called.
    has_lost: bool,
    /// The losses that [`take_loss`](Self::take_loss) has not returned yet.
    losses: Vec<Loss>,
    silence: Silence,
}

/// The pause after a read error. Without it, a permanent error would use all CPU time.
const ERROR_PAUSE: Duration = Duration::from_millis(20);

/// The largest plausible number of documents in a signal: a wrapper sends fewer in its life.
const MAX_PLAUSIBLE_DOCUMENTS: u64 = 1 << 32;

/// The size of the kernel's receive buffer, which holds a burst of documents while this
/// process has no CPU time. Without privileges, the kernel limits it to `net.core.rmem_max`.
const KERNEL_BUFFER_BYTES: usize = 2 * 1024 * 1024;

/// The size of the kernel's receive buffer to ask for. Tests of the program set the variable to
/// the `net.core.rmem_max` of most kernels, so that a machine with a larger one hides no loss.
fn kernel_buffer_bytes() -> usize {
    let variable = std::env::var("XRAY_LAMBDA_TEST_RECEIVE_BUFFER_BYTES").ok();
    let bytes = variable.and_then(|bytes| bytes.parse().ok());
    bytes.unwrap_or(KERNEL_BUFFER_BYTES)
}

impl Intake {
    /// Listens on an address.
    ///
    /// # Errors
    /// Another program listens there, or this process may not.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = std::net::UdpSocket::bind(address)?;
        socket.set_nonblocking(true)?;
        enlarge_receive_buffer(&socket, kernel_buffer_bytes());
        Ok(Self {
            // With port 0, the name has the port that the kernel chose. Without streams, wrappers
            // use UDP.
            streams: Streams::bind(socket.local_addr()?).ok(),
            socket: Some(UdpSocket::from_std(socket)?),
            buffer: vec![0; DAEMON_RECEIVE_BUFFER_BYTES].into_boxed_slice(),
            ..Self::closed()
        })
    }

    /// An intake without a socket, which never receives a document. All other parts of the
    /// extension work with it.
    pub fn closed() -> Self {
        Self {
            socket: None,
            buffer: Box::default(),
            senders: Senders::default(),
            streams: None,
            failed: false,
            missing_in_kernel: Total::default(),
            missing_in_wrapper: Total::default(),
            has_lost: false,
            losses: Vec::new(),
            silence: Silence::default(),
        }
    }

    #[cfg(test)]
    pub(crate) fn address(&self) -> SocketAddr {
        self.socket.as_ref().unwrap().local_addr().unwrap()
    }

    /// Waits until a datagram may have arrived. Without a socket, waits forever.
    pub(crate) async fn readable(&mut self) {
        if self.failed {
            tokio::time::sleep(ERROR_PAUSE).await;
        }
        poll_fn(|context| self.poll_readable(context)).await;
    }

    fn poll_readable(&mut self, context: &mut Context<'_>) -> Poll<()> {
        // After an error, the next read returns the same error.
        let poll_socket = |socket: &UdpSocket| socket.poll_recv_ready(context).map(|_| ());
        let socket = self.socket.as_ref().map(poll_socket);
        let streams = self.streams.as_mut();
        let streams = streams.map(|streams| streams.poll_readable(context));
        if socket.is_some_and(|poll| poll.is_ready()) || streams.is_some_and(|poll| poll.is_ready())
        {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Returns the next datagram that has already arrived. Reads the UDP socket first, because
    /// only there the kernel drops what its buffer cannot hold.
    pub(crate) fn try_read(&mut self) -> Option<Received> {
        let received = self.try_read_socket().or_else(|| self.try_read_streams());
        if received.is_some() {
            self.silence.end();
        }
        received
    }

    /// Reports that a sampled invocation began. Returns true once, if nothing was received in the
    /// ten before it.
    pub(crate) fn is_silent(&mut self) -> bool {
        self.silence.invocation()
    }

    fn try_read_socket(&mut self) -> Option<Received> {
        let socket = self.socket.as_ref()?;
        loop {
            let received = socket.try_recv_from(&mut self.buffer);
            self.failed = received
                .as_ref()
                .is_err_and(|error| error.kind() != io::ErrorKind::WouldBlock);
            let (length, sender) = received.ok()?;
            // The daemon ignores an empty datagram (aws-xray-daemon 3.6).
            if length == 0 {
                continue;
            }
            let received = datagram::parse(&self.buffer[..length]);
            match received {
                Received::Done {
                    documents: Some(MAX_PLAUSIBLE_DOCUMENTS..),
                    ..
                } => self.losses.push(Loss::Implausible),
                Received::Done {
                    documents: Some(sent),
                    ..
                } => {
                    let missing = self.senders.missing(sender, sent);
                    self.has_lost |= missing > 0;
                    let total = self.missing_in_kernel.add(missing);
                    self.losses.extend(total.map(Loss::InKernel));
                }
                Received::Done { .. } => {}
                Received::Document(_) | Received::OpenTelemetry(_) | Received::Rejected(_) => {
                    self.senders.count(sender);
                }
            }
            return Some(received);
        }
    }

    fn try_read_streams(&mut self) -> Option<Received> {
        let (missing_in_wrapper, losses) = (&mut self.missing_in_wrapper, &mut self.losses);
        let has_lost = &mut self.has_lost;
        let read = self.streams.as_mut()?.try_read(|datagram, documents| {
            let received = datagram::parse(datagram);
            match received {
                Received::Done {
                    documents: Some(MAX_PLAUSIBLE_DOCUMENTS..),
                    ..
                } => losses.push(Loss::Implausible),
                Received::Done {
                    documents: Some(sent),
                    ..
                } => {
                    let missing = sent.saturating_sub(*documents);
                    *documents = sent;
                    *has_lost |= missing > 0;
                    losses.extend(missing_in_wrapper.add(missing).map(Loss::InWrapper));
                }
                Received::Done { .. } => {}
                Received::Document(_) | Received::OpenTelemetry(_) | Received::Rejected(_) => {
                    *documents = documents.saturating_add(1);
                }
            }
            received
        })?;
        Some(read.unwrap_or(Received::Rejected(Rejection::Frame)))
    }

    /// Accepts the streams that wrappers have opened.
    pub(crate) fn accept_streams(&mut self) {
        if let Some(streams) = &mut self.streams {
            streams.accept();
        }
    }

    /// Returns whether a wrapper has sent the first part of a frame, and the rest is on its way.
    pub(crate) fn awaits_rest(&self) -> bool {
        self.streams.as_ref().is_some_and(Streams::awaits_rest)
    }

    /// Returns whether signals have shown new losses since the last call.
    pub(crate) fn has_lost(&mut self) -> bool {
        std::mem::take(&mut self.has_lost)
    }

    /// Returns a loss for the log, once.
    pub(crate) fn take_loss(&mut self) -> Option<Loss> {
        self.losses.pop()
    }

    /// The number of datagrams that the kernel has dropped. Never read, so not counted as
    /// received. Signals show some of them if the kernel does not report the number.
    pub(crate) fn dropped_by_kernel(&self) -> u64 {
        let reported = self.socket.as_ref().and_then(dropped_datagrams);
        reported
            .unwrap_or(0)
            .max(self.missing_in_kernel.documents())
    }

    /// The number of documents that wrappers have dropped. Never sent, so not counted as
    /// received.
    pub(crate) fn dropped_by_wrapper(&self) -> u64 {
        self.missing_in_wrapper.documents()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::OwnedFd;
    use std::time::Instant;

    use super::*;

    #[tokio::test]
    async fn a_permanent_error_does_not_use_all_cpu_time() {
        // With a waiting connection, a listener is readable, and reading it is an error.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let _waiting = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        listener.set_nonblocking(true).unwrap();
        let mut intake = Intake {
            socket: Some(UdpSocket::from_std(OwnedFd::from(listener).into()).unwrap()),
            buffer: vec![0; 16].into(),
            ..Intake::closed()
        };
        let begun = Instant::now();
        let mut reads = 0;
        while begun.elapsed() < 5 * ERROR_PAUSE {
            intake.readable().await;
            assert!(intake.try_read().is_none());
            reads += 1;
        }
        assert!(reads <= 6, "{reads} reads");
    }

    #[tokio::test]
    async fn an_implausible_number_of_documents_is_ignored() {
        let mut intake = Intake::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = intake.address();
        let sender = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        for documents in [u64::MAX, 1 << 32, 2, u64::MAX, 3] {
            let signal = format!(
                "{{\"format\":\"xray-lambda\",\"version\":1}}\n{{\"done\":\"r-1\",\"documents\":{documents}}}"
            );
            sender.send_to(signal.as_bytes(), address).unwrap();
            sender.send_to(b"no document", address).unwrap();
            for _ in 0..2 {
                while intake.try_read().is_none() {
                    intake.readable().await;
                }
            }
        }
        let losses: Vec<_> = std::iter::from_fn(|| intake.take_loss()).collect();
        assert_eq!(losses, [Loss::Implausible; 3]);
        assert!(!intake.has_lost());
    }
}
