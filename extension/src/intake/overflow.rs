use std::os::fd::{AsFd, AsRawFd};

/// Datagrams that the kernel dropped because this socket's receive buffer was full. `None`
/// where the kernel does not tell.
pub(super) fn of(socket: &impl AsFd) -> Option<u64> {
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
        .find_map(|table| drops(&table, &inode))
}

/// The last column of the inode's line (Linux, `net/ipv4/udp.c`, `udp4_format_sock`).
fn drops(table: &str, inode: &str) -> Option<u64> {
    table.lines().skip(1).find_map(|line| {
        let mut columns = line.split_ascii_whitespace();
        (columns.nth(INODE)? == inode).then(|| columns.next_back()?.parse().ok())?
    })
}

/// `sl local rem st tx:rx tr:tm->when retrnsmt uid timeout inode ref pointer drops`
const INODE: usize = 9;

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn the_drops_are_those_of_the_sockets_own_line() {
        let table = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n 1316: 0100007F:07D0 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0000000000000000 12\n 1317: 0100007F:07D1 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4712 2 0000000000000000 3\n";
        assert_eq!(drops(table, "4711"), Some(12));
        assert_eq!(drops(table, "4712"), Some(3));
        assert_eq!(drops(table, "1"), None);
        assert_eq!(drops("", "1"), None);
    }

    #[test]
    fn what_a_full_socket_loses_is_told() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let before = of(&socket);
        let datagram = [0; 60_000];
        for _ in 0..200 {
            let _ = socket.send_to(&datagram, socket.local_addr().unwrap());
        }
        // A kernel without the table tells nothing, and then nothing is said.
        if before.is_some() {
            assert!(of(&socket) > before);
        }
    }
}
