use std::net::{Ipv4Addr, Ipv6Addr};

/// Returns true if `host`, the value of a `Host` header, can only mean this machine. Ignores
/// the port. A malformed host is never loopback.
pub(crate) fn is_loopback_host(host: &str) -> bool {
    if let Some(bracketed) = host.strip_prefix('[') {
        return bracketed.split_once(']').is_some_and(|(address, port)| {
            is_port(port)
                // An IPv4-mapped address is not among them: Chromium does not take it for
                // loopback, and then sends no `Sec-Fetch-Site` with an embedded request.
                && address.parse().is_ok_and(|ip: Ipv6Addr| ip.is_loopback())
        });
    }
    let (name, port) = host.split_at(host.find(':').unwrap_or(host.len()));
    is_port(port) && is_loopback_name_or_ipv4(name)
}

/// Returns true if `origin`, the value of an `Origin` header (RFC 6454, 7), has such a host.
pub(crate) fn is_loopback_origin(origin: &str) -> bool {
    origin
        .split_once("://")
        .is_some_and(|(_scheme, host)| is_loopback_host(host))
}

fn is_loopback_name_or_ipv4(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    if let Ok(address) = name.parse::<Ipv4Addr>() {
        return address.is_loopback();
    }
    let is_name_byte =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    name.bytes().all(is_name_byte) && (name == "localhost" || name.ends_with(".localhost"))
}

/// Returns true if `text` is empty, or a colon and any number of digits.
fn is_port(text: &str) -> bool {
    text.is_empty()
        || text
            .strip_prefix(':')
            .is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_names_and_addresses_are_loopback_hosts() {
        for host in [
            "localhost",
            "LocalHost:2001",
            "LOCALHOST:3000",
            "localhost.",
            "api.localhost:1",
            "127.0.0.1:2001",
            "127.0.0.1.",
            "127.1.2.3",
            "127.9.9.9",
            "[::1]:2001",
            "[::1]",
        ] {
            assert!(is_loopback_host(host), "{host}");
        }
    }

    #[test]
    fn other_and_malformed_hosts_are_foreign() {
        for host in [
            "",
            "?",
            "null",
            "example.com",
            "localhost.example.com:3000",
            "127.0.0.1.example.com",
            "notlocalhost",
            "10.0.0.1:2001",
            "0.0.0.0:2001",
            "[fe80::1]:2001",
            "[::2]:3000",
            "[::ffff:10.0.0.1]:3000",
            "[::ffff:127.0.0.1]:3000",
            "[::ffff:7f00:1]:3000",
            "[",
            "[::1",
            "[::1]evil.example",
            "[127.0.0.1]",
            "::1",
            "localhost:evil.example",
            "localhost:80:80",
            "a@b:c",
            "localhost@evil.example",
            "evil.example/.localhost",
            "localhost ",
        ] {
            assert!(!is_loopback_host(host), "{host}");
        }
    }

    #[test]
    fn an_origin_is_loopback_if_its_host_is() {
        for origin in [
            "http://localhost",
            "http://localhost:5173",
            "https://127.0.0.1:8443",
            "http://[::1]:2001",
        ] {
            assert!(is_loopback_origin(origin), "{origin}");
        }
        for origin in [
            "",
            "null",
            "localhost",
            "https://evil.example",
            "http://localhost.evil.example",
            "http://localhost http://evil.example",
            "http://evil.example http://localhost",
            "chrome-extension://abcdef",
            "file://",
        ] {
            assert!(!is_loopback_origin(origin), "{origin}");
        }
    }
}
