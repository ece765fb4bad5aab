use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::UdpSocket;
use xray_daemon_socket::{dropped_datagrams, enlarge_receive_buffer};
use xray_document::limits::DAEMON_RECEIVE_BUFFER_BYTES;

use super::datagram::{self, Received};

/// The daemon's UDP port. If the port could not be bound, no document arrives and all other
/// work continues.
#[derive(Debug)]
pub struct Intake {
    socket: Option<UdpSocket>,
    buffer: Box<[u8]>,
    /// Whether the last read failed with another error than "no datagram".
    failed: bool,
}

/// Pause after a read error, because a lasting error would otherwise take the CPU.
const ERROR_PAUSE: Duration = Duration::from_millis(20);

/// Size of the kernel's buffer, which holds a burst from the handler while this process has
/// no CPU. The kernel caps it at `net.core.rmem_max`.
const KERNEL_BUFFER_BYTES: usize = 2 * 1024 * 1024;

impl Intake {
    /// # Errors
    /// The port is taken or may not be bound.
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

    /// An intake without a socket: nothing ever arrives.
    pub fn closed() -> Self {
        Self {
            socket: None,
            buffer: Box::default(),
            failed: false,
        }
    }

    /// Waits until a datagram may have arrived; forever without a socket.
    pub(crate) async fn readable(&self) {
        match &self.socket {
            Some(socket) => {
                if self.failed {
                    tokio::time::sleep(ERROR_PAUSE).await;
                }
                // An error shows in the next read.
                let _ = socket.readable().await;
            }
            None => std::future::pending().await,
        }
    }

    /// The next datagram that has already arrived.
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

    /// Datagrams that the kernel has dropped so far. Never read, so not counted as received.
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
    async fn an_error_that_stays_does_not_take_the_cpu() {
        // A listener is readable while a connection waits, and refuses to be read.
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
