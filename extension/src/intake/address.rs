use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The daemon's default address (X-Ray Developer Guide, daemon).
pub(crate) const DEFAULT_ADDRESS: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 2000);

/// The addresses of the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DaemonAddresses {
    /// Receives documents.
    pub(crate) udp: SocketAddr,
    /// Receives the requests of centralized sampling.
    pub(crate) tcp: SocketAddr,
}

impl DaemonAddresses {
    pub(crate) const DEFAULT: Self = Self {
        udp: DEFAULT_ADDRESS,
        tcp: DEFAULT_ADDRESS,
    };
}

/// Reads `AWS_XRAY_DAEMON_ADDRESS` as the X-Ray SDKs do: `host:port` for both protocols, or
/// `tcp:host:port udp:host:port` in either order.
///
/// # Errors
/// A form that the SDKs reject, or an address outside this sandbox: another daemon listens
/// there.
pub(crate) fn parse_address(value: Option<&str>) -> Result<DaemonAddresses, AddressError> {
    let Some(value) = value.map(str::trim).filter(|value| !value.is_empty()) else {
        return Ok(DaemonAddresses::DEFAULT);
    };
    if !value.contains(' ') {
        let address = parse(value.strip_prefix("udp:").unwrap_or(value))?;
        return Ok(DaemonAddresses {
            udp: address,
            tcp: address,
        });
    }
    let part = |prefix| {
        let part = value
            .split_whitespace()
            .find_map(|part| part.strip_prefix(prefix));
        parse(part.ok_or(AddressError::Malformed)?)
    };
    Ok(DaemonAddresses {
        udp: part("udp:")?,
        tcp: part("tcp:")?,
    })
}

/// Reads `host:port`, with a host of this sandbox.
fn parse(text: &str) -> Result<SocketAddr, AddressError> {
    let (host, port) = text.rsplit_once(':').ok_or(AddressError::Malformed)?;
    let port = port.parse().map_err(|_| AddressError::Malformed)?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let host = if host.eq_ignore_ascii_case("localhost") {
        IpAddr::V4(Ipv4Addr::LOCALHOST)
    } else {
        host.parse().map_err(|_| AddressError::Malformed)?
    };
    if host.is_loopback() {
        Ok(SocketAddr::new(host, port))
    } else {
        Err(AddressError::NotLoopback)
    }
}

/// The reason why `AWS_XRAY_DAEMON_ADDRESS` cannot be used, as the end of a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AddressError {
    Malformed,
    NotLoopback,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "is neither host:port nor tcp:host:port udp:host:port",
            Self::NotLoopback => "is not a loopback address",
        })
    }
}

impl std::error::Error for AddressError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_the_sdks_are_accepted() {
        let ports = |text: &str| {
            let addresses = parse_address(Some(text));
            addresses.map(|addresses| (addresses.udp.port(), addresses.tcp.port()))
        };
        assert_eq!(ports("127.0.0.1:2100"), Ok((2100, 2100)));
        assert_eq!(ports("localhost:2100"), Ok((2100, 2100)));
        let (tcp, udp) = ("tcp:127.0.0.1:2001", "udp:127.0.0.2:2002");
        assert_eq!(ports(&format!("{tcp} {udp}")), Ok((2002, 2001)));
        assert_eq!(ports(&format!("{udp} {tcp}")), Ok((2002, 2001)));
        assert_eq!(ports(" "), Ok((2000, 2000)));
    }

    #[test]
    fn another_host_and_malformed_text_are_errors() {
        assert_eq!(
            parse_address(Some("169.254.79.129:2000")),
            Err(AddressError::NotLoopback)
        );
        for text in [
            "2000",
            "127.0.0.1",
            "127.0.0.1:x",
            "daemon:2000",
            "tcp:127.0.0.1:1 tcp:127.0.0.1:2",
            "udp:127.0.0.1:1 udp:127.0.0.1:2",
        ] {
            assert_eq!(
                parse_address(Some(text)),
                Err(AddressError::Malformed),
                "{text}"
            );
        }
    }
}
