use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use super::datagrams::Datagrams;
use super::stats;

/// The daemon's protocol: one document in each datagram. The kernel drops what a full receive
/// buffer cannot hold, without an error.
#[derive(Debug)]
pub(super) struct Udp {
    /// `None` if the system has no socket left.
    socket: Option<UdpSocket>,
    /// Documents since the socket was opened, with dropped ones.
    documents: u64,
}

impl Udp {
    pub(super) fn open(address: SocketAddr) -> Self {
        Self {
            socket: open(address),
            documents: 0,
        }
    }

    /// Sends documents, then the signal that the invocation `done` has ended. Counts each
    /// document as sent or dropped.
    pub(super) fn send(&mut self, documents: &Datagrams, done: Option<&str>) {
        for datagram in documents.iter() {
            let sent = self.send_one(datagram);
            if sent { &stats::SENT } else { &stats::DROPPED }.add_one();
        }
        self.documents += documents.documents() as u64;
        if let Some(request_id) = done {
            let mut signal = Datagrams::with_capacity(128);
            signal.push_done(request_id, self.documents);
            for datagram in signal.iter() {
                self.send_one(datagram);
            }
        }
    }

    /// Sends a datagram without waiting. Returns whether the system accepted it.
    fn send_one(&self, datagram: &[u8]) -> bool {
        let Some(socket) = &self.socket else {
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
