//! Sends datagrams to the extension or the daemon without waiting, and counts lost ones.

mod destination;
pub(crate) mod stats;

use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::OnceLock;

pub(crate) use destination::Destination;
pub use stats::{Stats, stats};

/// One UDP socket. It is opened at the first datagram, so it costs nothing at start.
#[derive(Debug)]
pub(crate) struct Emitter {
    destination: Destination,
    socket: OnceLock<Option<UdpSocket>>,
}

impl Emitter {
    pub(crate) const fn new(destination: Destination) -> Self {
        Self {
            destination,
            socket: OnceLock::new(),
        }
    }

    /// Returns whether the receiver understands the signal that an invocation is done.
    pub(crate) const fn accepts_signals(&self) -> bool {
        self.destination.accepts_signals
    }

    /// Sends a document's datagram and counts it as sent or dropped.
    pub(crate) fn send_document(&self, datagram: &[u8]) {
        let sent = self.send(datagram);
        if sent { &stats::SENT } else { &stats::DROPPED }.add_one();
    }

    /// Sends a datagram without waiting. Returns whether the system accepted it.
    pub(crate) fn send(&self, datagram: &[u8]) -> bool {
        let Some(socket) = self.socket.get_or_init(|| open(self.destination.address)) else {
            return false;
        };
        match socket.send(datagram) {
            Ok(_) => true,
            // This error is about the previous datagram, which had no receiver.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                socket.send(datagram).is_ok()
            }
            Err(_) => false,
        }
    }
}

fn open(address: SocketAddr) -> Option<UdpSocket> {
    let any = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let socket = UdpSocket::bind(any).ok()?;
    socket.set_nonblocking(true).ok()?;
    socket.connect(address).ok()?;
    Some(socket)
}
