use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::UdpSocket;
use xray_daemon_socket::{dropped_datagrams, enlarge_receive_buffer};
use xray_document::limits::DAEMON_RECEIVE_BUFFER_BYTES;

use super::datagram::{self, Received, Rejection};
use super::loss::Loss;
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
    missing_in_kernel: u64,
    /// Documents that wrappers dropped.
    missing_in_wrapper: u64,
    /// The losses that [`take_loss`](Self::take_loss) has not returned yet.
    losses: Vec<Loss>,
    silence: Silence,
}

/// The pause after a read error. Without it, a permanent error would use all CPU time.
const ERROR_PAUSE: Duration = Duration::from_millis(20);

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
            missing_in_kernel: 0,
            missing_in_wrapper: 0,
            losses: Vec::new(),
            silence: Silence::default(),
        }
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
                    documents: Some(sent),
                    ..
                } => {
                    let missing = self.senders.missing(sender, sent);
                    self.missing_in_kernel += missing;
                    self.losses
                        .extend((missing > 0).then_some(Loss::InKernel(missing)));
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
        let read = self.streams.as_mut()?.try_read(|datagram, documents| {
            let received = datagram::parse(datagram);
            match received {
                Received::Done {
                    documents: Some(sent),
                    ..
                } => {
                    let missing = sent.saturating_sub(*documents);
                    *documents = sent;
                    *missing_in_wrapper += missing;
                    losses.extend((missing > 0).then_some(Loss::InWrapper(missing)));
                }
                Received::Done { .. } => {}
                Received::Document(_) | Received::OpenTelemetry(_) | Received::Rejected(_) => {
                    *documents += 1;
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

    /// Returns a loss that a signal has shown, once.
    pub(crate) fn take_loss(&mut self) -> Option<Loss> {
        self.losses.pop()
    }

    /// The number of datagrams that the kernel has dropped. Never read, so not counted as
    /// received. Signals show some of them if the kernel does not report the number.
    pub(crate) fn dropped_by_kernel(&self) -> u64 {
        let reported = self.socket.as_ref().and_then(dropped_datagrams);
        reported.unwrap_or(0).max(self.missing_in_kernel)
    }

    /// The number of documents that wrappers have dropped. Never sent, so not counted as
    /// received.
    pub(crate) fn dropped_by_wrapper(&self) -> u64 {
        self.missing_in_wrapper
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
}
