use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The daemon's default address (X-Ray Developer Guide, daemon).
pub(crate) const DEFAULT_ADDRESS: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 2000);

/// Reads `AWS_XRAY_DAEMON_ADDRESS` as the X-Ray SDKs do: `host:port`, or
/// `tcp:host:port udp:host:port` in either order, of which the UDP address is used.
///
/// # Errors
/// A form that the SDKs reject, or an address outside this sandbox: another daemon listens
/// there.
pub(crate) fn parse_address(value: Option<&str>) -> Result<SocketAddr, AddressError> {
    let Some(value) = value.map(str::trim).filter(|value| !value.is_empty()) else {
        return Ok(DEFAULT_ADDRESS);
    };
    let udp = if value.contains(' ') {
        value
            .split_whitespace()
            .find_map(|part| part.strip_prefix("udp:"))
    } else {
        Some(value.strip_prefix("udp:").unwrap_or(value))
    };
    let (host, port) = udp
        .and_then(|udp| udp.rsplit_once(':'))
        .ok_or(AddressError::Malformed)?;
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
        let port = |text| parse_address(Some(text)).map(|address| address.port());
        assert_eq!(port("127.0.0.1:2100"), Ok(2100));
        assert_eq!(port("localhost:2100"), Ok(2100));
        assert_eq!(port("tcp:127.0.0.1:2001 udp:127.0.0.2:2002"), Ok(2002));
        assert_eq!(port("udp:127.0.0.1:2002 tcp:127.0.0.1:2001"), Ok(2002));
        assert_eq!(port(" "), Ok(2000));
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
        ] {
            assert_eq!(
                parse_address(Some(text)),
                Err(AddressError::Malformed),
                "{text}"
            );
        }
    }
}
