use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::UdpSocket;
use xray_daemon_socket::{dropped_datagrams, enlarge_receive_buffer};
use xray_document::Datagram;
use xray_document::limits::DAEMON_RECEIVE_BUFFER_BYTES;

use super::check::check;
use crate::batch::Pending;

/// The daemon's UDP port, or nothing where it could not be had: then no document
/// arrives, and everything else goes on.
#[derive(Debug)]
pub struct Intake {
    socket: Option<UdpSocket>,
    buffer: Box<[u8]>,
    /// The last read failed, and not for want of a datagram.
    failed: bool,
}

/// What one datagram turned out to be.
#[derive(Debug)]
pub enum Arrival {
    Document(Pending),
    /// The wrapper has sent everything of this invocation.
    Done {
        request_id: String,
    },
    /// Not a document, and why.
    Rejected(String),
}

/// An error that stays would be met again at once and for ever.
const ERROR_PAUSE: Duration = Duration::from_millis(20);

/// What the kernel is asked to keep while this process has no CPU: a burst from the
/// handler must not be lost before it is read. The kernel caps it at `rmem_max`.
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

    /// An intake where nothing ever arrives.
    pub fn closed() -> Self {
        Self {
            socket: None,
            buffer: Box::default(),
            failed: false,
        }
    }

    /// Waits until something may have arrived; for ever, where nothing can.
    pub async fn readable(&self) {
        match &self.socket {
            Some(socket) => {
                if self.failed {
                    tokio::time::sleep(ERROR_PAUSE).await;
                }
                // The next read meets an error again, or does not.
                let _ = socket.readable().await;
            }
            None => std::future::pending().await,
        }
    }

    /// The next datagram that is already here.
    pub fn try_read(&mut self) -> Option<Arrival> {
        let socket = self.socket.as_ref()?;
        loop {
            let received = socket.try_recv(&mut self.buffer);
            self.failed = received
                .as_ref()
                .is_err_and(|error| error.kind() != io::ErrorKind::WouldBlock);
            let length = received.ok()?;
            // The daemon ignores an empty datagram (aws-xray-daemon 3.6).
            if length > 0 {
                return Some(read(&self.buffer[..length]));
            }
        }
    }

    /// Datagrams that the kernel had no room for so far; they are in no other count.
    pub fn lost_unread(&self) -> u64 {
        self.socket
            .as_ref()
            .and_then(dropped_datagrams)
            .unwrap_or(0)
    }
}

fn read(datagram: &[u8]) -> Arrival {
    match Datagram::parse(datagram) {
        Ok(Datagram::Document(json)) => match check(json) {
            Ok(checked) => Arrival::Document(Pending::new(
                Some(checked.trace_id),
                checked.id,
                checked.in_progress,
                json,
            )),
            Err(refusal) => Arrival::Rejected(refusal.to_string()),
        },
        Ok(Datagram::Done { request_id }) => Arrival::Done {
            request_id: request_id.to_owned(),
        },
        Err(error) => {
            Arrival::Rejected(format!("a datagram that the daemon would refuse: {error}"))
        }
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
