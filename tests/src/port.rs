//! Free ports, for programs that cannot choose one themselves and say which.

use std::net::{TcpListener, UdpSocket};

/// Ports that nothing listened on a moment ago, all different.
///
/// # Panics
/// Where the machine has none left.
#[must_use]
pub fn free<const N: usize>() -> [u16; N] {
    // Held until all are known, so that none is given twice.
    let held: [TcpListener; N] =
        std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").expect("a free TCP port"));
    std::array::from_fn(|i| held[i].local_addr().expect("a bound port").port())
}

/// `127.0.0.1:PORT` with a free UDP port, as `AWS_XRAY_DAEMON_ADDRESS` takes it.
///
/// # Panics
/// Where the machine has none left.
#[must_use]
pub fn daemon_address() -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free UDP port");
    socket.local_addr().expect("a bound port").to_string()
}
