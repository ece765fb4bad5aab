//! What the kernel does with datagrams before the daemon has them.

use std::net::IpAddr;

use tokio::net::UdpSocket;

/// Bytes that may wait in the socket, as far as the kernel allows it (Linux:
/// `net.core.rmem_max`): a burst of some thousand segments.
const RECEIVE_BUFFER_BYTES: usize = 8 * 1024 * 1024;

/// Gives the socket a large buffer; where that fails it keeps its own.
pub(crate) fn enlarge_buffer(socket: &UdpSocket) {
    let _ = socket2::SockRef::from(socket).set_recv_buffer_size(RECEIVE_BUFFER_BYTES);
}

/// Datagrams that found the socket's buffer full. Linux only: `None` elsewhere.
pub(crate) fn dropped(socket: &UdpSocket) -> Option<u64> {
    let address = socket.local_addr().ok()?;
    let (table, ip) = match address.ip() {
        IpAddr::V4(ip) => (
            "/proc/self/net/udp",
            format!("{:08X}", u32::from_ne_bytes(ip.octets())),
        ),
        IpAddr::V6(ip) => {
            let words = ip.octets();
            let words = words.chunks_exact(4).map(|word| {
                let word = [word[0], word[1], word[2], word[3]];
                format!("{:08X}", u32::from_ne_bytes(word))
            });
            ("/proc/self/net/udp6", words.collect())
        }
    };
    let local = format!("{ip}:{:04X}", address.port());
    drops_of(&std::fs::read_to_string(table).ok()?, &local)
}

/// `sl local_address … inode ref pointer drops`, the address as `0100007F:07D0`.
fn drops_of(table: &str, local: &str) -> Option<u64> {
    table.lines().skip(1).find_map(|line| {
        let mut fields = line.split_whitespace();
        if fields.nth(1)? != local {
            return None;
        }
        fields.next_back()?.parse().ok()
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_of_either_kind_is_found_in_the_kernels_table() {
        for address in ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0"] {
            // A machine may have no IPv6.
            let Ok(socket) = UdpSocket::bind(address).await else {
                assert!(address.starts_with('['));
                continue;
            };
            assert_eq!(dropped(&socket), Some(0), "{address}");
        }
    }

    #[test]
    fn the_kernels_drops_are_read_from_the_line_of_the_address() {
        let table = "\
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
 1234: 0100007F:0050 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 11 2 0000000000000000 3
 1235: 0100007F:07D0 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 12 2 0000000000000000 481
";
        assert_eq!(drops_of(table, "0100007F:07D0"), Some(481));
        assert_eq!(drops_of(table, "0100007F:07D1"), None);
    }
}
