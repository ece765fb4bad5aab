//! The sockets of a process and its descendants, from `/proc`.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// A socket that receives from anyone: a TCP socket that listens, or a UDP socket without a
/// peer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Socket {
    /// `TCP` or `UDP`
    pub protocol: &'static str,
    pub address: SocketAddr,
    /// The file name of the program that has it.
    pub program: String,
}

/// The state of a TCP socket that listens, and of a UDP socket without a peer
/// (`include/net/tcp_states.h` of Linux).
const LISTEN: &str = "0A";
const CLOSE: &str = "07";

/// The open sockets of `root` and its descendants.
pub fn sockets_of_tree(root: u32) -> Vec<Socket> {
    let owners = owners(&tree(root));
    let mut sockets = Vec::new();
    for (file, protocol, state) in [
        ("tcp", "TCP", LISTEN),
        ("tcp6", "TCP", LISTEN),
        ("udp", "UDP", CLOSE),
        ("udp6", "UDP", CLOSE),
    ] {
        let table = std::fs::read_to_string(format!("/proc/net/{file}")).unwrap_or_default();
        for row in table.lines().skip(1) {
            let columns: Vec<_> = row.split_whitespace().collect();
            let (address, row_state, inode) = (columns[1], columns[3], columns[9]);
            let Some(program) = owners.get(inode).filter(|_| row_state == state) else {
                continue;
            };
            sockets.push(Socket {
                protocol,
                address: parse_address(address),
                program: program.clone(),
            });
        }
    }
    sockets.sort();
    sockets
}

/// The value that a variable has in each descendant of `root`.
pub fn variable_of_descendants(root: u32, name: &str) -> Vec<String> {
    let tree = tree(root).into_iter().filter(|pid| *pid != root);
    let values = tree.filter_map(|pid| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
        let environment = String::from_utf8_lossy(&environment).into_owned();
        let mut variables = environment
            .split('\0')
            .filter_map(|text| text.split_once('='));
        variables.find_map(|(variable, value)| (variable == name).then(|| value.to_owned()))
    });
    values.collect()
}

fn tree(root: u32) -> Vec<u32> {
    let mut tree = vec![root];
    let parents: Vec<(u32, u32)> = processes()
        .filter_map(|pid| Some((pid, parent(pid)?)))
        .collect();
    let mut index = 0;
    while let Some(&pid) = tree.get(index) {
        let children = parents.iter().filter(|(_, parent)| *parent == pid);
        tree.extend(children.map(|(child, _)| *child));
        index += 1;
    }
    tree
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn parent(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name, in parentheses, may contain spaces.
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok()
}

/// The program of each socket, by the socket's inode.
fn owners(tree: &[u32]) -> BTreeMap<String, String> {
    let mut owners = BTreeMap::new();
    for pid in tree {
        let program = std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
        let program = program.file_name().unwrap_or_default().to_string_lossy();
        let files = std::fs::read_dir(format!("/proc/{pid}/fd"));
        for file in files.into_iter().flatten().flatten() {
            if let Some(inode) = socket_inode(&file.path()) {
                owners.insert(inode, program.to_string());
            }
        }
    }
    owners
}

fn socket_inode(file: &Path) -> Option<String> {
    let target = std::fs::read_link(file).ok()?;
    let inode = target.to_str()?.strip_prefix("socket:[")?;
    Some(inode.strip_suffix(']')?.to_owned())
}

/// Reads `0100007F:07D1`: each 32 bits in the machine's byte order.
fn parse_address(text: &str) -> SocketAddr {
    let (ip, port) = text.split_once(':').unwrap();
    let words: Vec<[u8; 4]> = (0..ip.len() / 8)
        .map(|word| {
            u32::from_str_radix(&ip[word * 8..][..8], 16)
                .unwrap()
                .to_ne_bytes()
        })
        .collect();
    let ip = match words.as_slice() {
        [word] => IpAddr::V4(Ipv4Addr::from(*word)),
        words => {
            let bytes: [u8; 16] = words.concat().try_into().unwrap();
            IpAddr::V6(Ipv6Addr::from(bytes))
        }
    };
    SocketAddr::new(ip, u16::from_str_radix(port, 16).unwrap())
}
