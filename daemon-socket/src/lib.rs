//! Kernel settings and counters of a UDP socket that receives the X-Ray daemon's protocol: the
//! size of its receive buffer, and the number of datagrams that the kernel dropped because that
//! buffer was full.
//!
//! The extension and `xray-local` both receive documents on such a socket. On loopback the
//! kernel drops a datagram without an error to its sender, so the receiver must count.

#![warn(missing_docs)]

use std::os::fd::{AsFd, AsRawFd};

/// Asks the kernel for a receive buffer of `bytes`. Does nothing if the buffer has that size or a
/// larger one already.
///
/// A process with `CAP_NET_ADMIN` gets that size. To others Linux silently grants at most
/// `net.core.rmem_max` (212,992 bytes by default). Another kernel may refuse; the buffer then
/// keeps its size, and the socket still works. For this reason the function returns no error.
pub fn enlarge_receive_buffer(socket: &impl AsFd, bytes: usize) {
    let options = socket2::SockRef::from(socket);
    let is_large_enough = options
        .recv_buffer_size()
        .is_ok_and(|reported| reported / REPORTED_PER_BYTE >= bytes);
    if !is_large_enough && !exceed_limit(socket, bytes) {
        let _ = options.set_recv_buffer_size(bytes);
    }
}

/// Sets the size beyond `net.core.rmem_max` (socket(7), `SO_RCVBUFFORCE`). Returns false if this
/// process may not.
#[cfg(target_os = "linux")]
fn exceed_limit(socket: &impl AsFd, bytes: usize) -> bool {
    rustix::net::sockopt::set_socket_recv_buffer_size_force(socket, bytes).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn exceed_limit(_: &impl AsFd, _: usize) -> bool {
    false
}

/// Linux doubles the size that a program sets, for its own bookkeeping, and reports the double
/// (socket(7), `SO_RCVBUF`).
const REPORTED_PER_BYTE: usize = if cfg!(target_os = "linux") { 2 } else { 1 };

/// Number of datagrams that the kernel has dropped because this socket's receive buffer was
/// full. Linux also counts datagrams with a wrong checksum, which do not occur on loopback
/// (`net/ipv4/udp.c`, `sk_drops`).
///
/// Returns `None` if the kernel does not report the number: on systems other than Linux, and in
/// sandboxes without `/proc`.
pub fn dropped_datagrams(socket: &impl AsFd) -> Option<u64> {
    let fd = socket.as_fd().as_raw_fd();
    let link = std::fs::read_link(format!("/proc/self/fd/{fd}")).ok()?;
    let inode = link
        .to_str()?
        .strip_prefix("socket:[")?
        .strip_suffix(']')?
        .to_owned();
    ["/proc/self/net/udp", "/proc/self/net/udp6"]
        .iter()
        .filter_map(|table| std::fs::read_to_string(table).ok())
        .find_map(|table| drops_of(&table, &inode))
}

/// Reads the last column, `drops`, of the inode's line (Linux, `net/ipv4/udp.c`,
/// `udp4_format_sock`).
fn drops_of(table: &str, inode: &str) -> Option<u64> {
    table.lines().skip(1).find_map(|line| {
        let mut columns = line.split_ascii_whitespace();
        (columns.nth(INODE_COLUMN)? == inode).then(|| columns.next_back()?.parse().ok())?
    })
}

/// Index of `inode` in `sl local rem st tx:rx tr:tm->when retrnsmt uid timeout inode ref pointer
/// drops`.
const INODE_COLUMN: usize = 9;

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn drops_are_read_from_the_line_of_the_inode() {
        let table = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n 1316: 0100007F:07D0 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0000000000000000 12\n 1317: 0100007F:07D1 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4712 2 0000000000000000 3\n";
        assert_eq!(drops_of(table, "4711"), Some(12));
        assert_eq!(drops_of(table, "4712"), Some(3));
        assert_eq!(drops_of(table, "1"), None);
        assert_eq!(drops_of("", "1"), None);
    }

    #[test]
    fn a_socket_of_either_ip_version_is_found_in_the_kernel_tables() {
        for address in ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0"] {
            // A machine may lack IPv6.
            let Ok(socket) = UdpSocket::bind(address) else {
                assert!(address.starts_with('['));
                continue;
            };
            assert_eq!(dropped_datagrams(&socket), Some(0), "{address}");
        }
    }

    #[test]
    fn datagrams_dropped_by_a_full_buffer_are_counted() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let before = dropped_datagrams(&socket);
        let datagram = [0; 60_000];
        for _ in 0..200 {
            let _ = socket.send_to(&datagram, socket.local_addr().unwrap());
        }
        assert!(dropped_datagrams(&socket) > before);
    }

    #[test]
    fn a_larger_buffer_keeps_its_size() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let reported = || socket2::SockRef::from(&socket).recv_buffer_size().unwrap();
        let before = reported();
        for bytes in [0, 1, before / 4, before / 2] {
            enlarge_receive_buffer(&socket, bytes);
            assert_eq!(reported(), before, "{bytes}");
        }
        // Less than the reported size, but more than the half that a program can set.
        enlarge_receive_buffer(&socket, before / 2 + before / 4);
        assert!(reported() > before, "{} <= {before}", reported());
    }

    #[test]
    fn a_buffer_larger_than_the_kernel_grants_is_not_an_error() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let before = socket2::SockRef::from(&socket).recv_buffer_size().unwrap();
        enlarge_receive_buffer(&socket, 1 << 30);
        let after = socket2::SockRef::from(&socket).recv_buffer_size().unwrap();
        assert!(after >= before, "{after} < {before}");
    }

    #[test]
    fn only_a_privileged_process_exceeds_the_limit_of_the_kernel() {
        let limit = std::fs::read_to_string("/proc/sys/net/core/rmem_max").unwrap();
        let limit: usize = limit.trim().parse().unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let may_exceed = exceed_limit(&socket, limit);
        enlarge_receive_buffer(&socket, 2 * limit);
        let reported = socket2::SockRef::from(&socket).recv_buffer_size().unwrap();
        let granted = if may_exceed { 2 * limit } else { limit };
        assert_eq!(reported, granted * REPORTED_PER_BYTE);
    }
}
