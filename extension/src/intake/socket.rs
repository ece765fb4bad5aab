use std::io;
use std::net::SocketAddr;

use tokio::net::UdpSocket;
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

/// What the kernel is asked to keep while this process has no CPU: a burst from the
/// handler must not be lost before it is read. The kernel caps it at `rmem_max`.
const KERNEL_BUFFER_BYTES: usize = 2 * 1024 * 1024;

impl Intake {
    /// # Errors
    /// The port is taken or may not be bound.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = std::net::UdpSocket::bind(address)?;
        socket.set_nonblocking(true)?;
        // A refusal leaves the default, which also works.
        let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(KERNEL_BUFFER_BYTES);
        let buffer = vec![0; DAEMON_RECEIVE_BUFFER_BYTES].into_boxed_slice();
        Ok(Self {
            socket: Some(UdpSocket::from_std(socket)?),
            buffer,
        })
    }

    /// An intake where nothing ever arrives.
    pub fn closed() -> Self {
        Self {
            socket: None,
            buffer: Box::default(),
        }
    }

    /// Waits until something may have arrived; for ever, where nothing can.
    pub async fn readable(&self) {
        match &self.socket {
            // An error is not remembered: the next read meets it again or does not.
            Some(socket) => drop(socket.readable().await),
            None => std::future::pending().await,
        }
    }

    /// The next datagram that is already here.
    pub fn try_read(&mut self) -> Option<Arrival> {
        let socket = self.socket.as_ref()?;
        loop {
            let length = socket.try_recv(&mut self.buffer).ok()?;
            // The daemon ignores an empty datagram (aws-xray-daemon 3.6).
            if length > 0 {
                return Some(read(&self.buffer[..length]));
            }
        }
    }
}

fn read(datagram: &[u8]) -> Arrival {
    match Datagram::parse(datagram) {
        Ok(Datagram::Document(json)) => match check(json) {
            Ok(id) => Arrival::Document(Pending {
                id,
                json: json.into(),
            }),
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
