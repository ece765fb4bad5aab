use std::io;
use std::net::{SocketAddr, UdpSocket};

use super::unspecified;

/// Passes datagrams of OpenTelemetry to Lambda's own daemon, as they are: X-Ray's API accepts
/// neither their spans nor their metrics.
#[derive(Debug)]
pub struct OpenTelemetryRelay {
    address: SocketAddr,
    socket: Option<UdpSocket>,
}

impl OpenTelemetryRelay {
    /// Will send to `address`. Nothing is opened yet.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            socket: None,
        }
    }

    /// Sends a datagram, and waits for nothing.
    ///
    /// # Errors
    /// The datagram was not sent. The next one gets a new socket.
    pub(crate) fn send(&mut self, datagram: &[u8]) -> io::Result<()> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => connect(self.address)?,
        };
        socket.send(datagram)?;
        self.socket = Some(socket);
        Ok(())
    }
}

fn connect(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((unspecified(address), 0))?;
    socket.set_nonblocking(true)?;
    socket.connect(address)?;
    Ok(socket)
}
