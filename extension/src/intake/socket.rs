use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::UdpSocket;
use xray_daemon_socket::{dropped_datagrams, enlarge_receive_buffer};
use xray_document::limits::DAEMON_RECEIVE_BUFFER_BYTES;

use super::datagram::{self, Received};

/// The daemon's UDP port.
#[derive(Debug)]
pub struct Intake {
    socket: Option<UdpSocket>,
    buffer: Box<[u8]>,
    /// True if the last read failed for another reason than that no datagram waits.
    failed: bool,
}

/// The pause after a read error. Without it, a permanent error would use all CPU time.
const ERROR_PAUSE: Duration = Duration::from_millis(20);

/// The size of the kernel's receive buffer, which holds a burst of documents while this
/// process has no CPU time. The kernel limits it to `net.core.rmem_max`.
const KERNEL_BUFFER_BYTES: usize = 2 * 1024 * 1024;

impl Intake {
    /// Listens on an address.
    ///
    /// # Errors
    /// Another program listens there, or this process may not.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = std::net::UdpSocket::bind(address)?;
        socket.set_nonblocking(true)?;
        enlarge_receive_buffer(&socket, KERNEL_BUFFER_BYTES);
        let buffer = vec![0; DAEMON_RECEIVE_BUFFER_BYTES].into_boxed_slice();
        Ok(Self {
            socket: Some(UdpSocket::from_std(socket)?),
            buffer,
            failed: false,
        })
    }

    /// An intake without a socket, which never receives a document. All other parts of the
    /// extension work with it.
    pub fn closed() -> Self {
        Self {
            socket: None,
            buffer: Box::default(),
            failed: false,
        }
    }

    /// Waits until a datagram may have arrived. Without a socket, waits forever.
    pub(crate) async fn readable(&self) {
        match &self.socket {
            Some(socket) => {
                if self.failed {
                    tokio::time::sleep(ERROR_PAUSE).await;
                }
                // The next read returns the same error.
                let _ = socket.readable().await;
            }
            None => std::future::pending().await,
        }
    }

    /// Returns the next datagram that has already arrived.
    pub(crate) fn try_read(&mut self) -> Option<Received> {
        let socket = self.socket.as_ref()?;
        loop {
            let received = socket.try_recv(&mut self.buffer);
            self.failed = received
                .as_ref()
                .is_err_and(|error| error.kind() != io::ErrorKind::WouldBlock);
            let length = received.ok()?;
            // The daemon ignores an empty datagram (aws-xray-daemon 3.6).
            if length > 0 {
                return Some(datagram::parse(&self.buffer[..length]));
            }
        }
    }

    /// The number of datagrams that the kernel has dropped. Never read, so not counted as
    /// received.
    pub(crate) fn dropped_by_kernel(&self) -> u64 {
        self.socket
            .as_ref()
            .and_then(dropped_datagrams)
            .unwrap_or(0)
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
            failed: false,
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
