//! Free ports, for programs that cannot choose a port and report it.

use std::net::{TcpListener, UdpSocket};

/// Finds distinct TCP ports that are free now. Another process may take one before its use.
///
/// # Panics
/// If no port is free.
#[must_use]
pub fn free<const N: usize>() -> [u16; N] {
    // All listeners stay open until the end, so that the ports differ.
    let held: [TcpListener; N] =
        std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").expect("a free TCP port"));
    std::array::from_fn(|i| held[i].local_addr().expect("a bound port").port())
}

/// A value for `AWS_XRAY_DAEMON_ADDRESS`: `127.0.0.1:PORT` with a free UDP port.
///
/// # Panics
/// If no port is free.
#[must_use]
pub fn daemon_address() -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free UDP port");
    socket.local_addr().expect("a bound port").to_string()
}
