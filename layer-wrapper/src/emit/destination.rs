use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

/// The X-Ray daemon's default address (aws-xray-daemon).
const DEFAULT_ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 2000);

/// The path of our extension. Lambda starts each file of this folder as an extension
/// (Lambda Developer Guide, Extensions API).
const EXTENSION: &str = "/opt/extensions/xray-lambda-extension";

/// The receiver of the documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Destination {
    pub(crate) address: SocketAddr,
    /// Our extension, on loopback, understands the signal that an invocation is done.
    /// Lambda's daemon, on another address, would count it as rejected.
    pub(crate) accepts_signals: bool,
}

impl Destination {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            accepts_signals: address.ip().is_loopback(),
        }
    }

    /// The destination that the environment variables configure. `None` disables recording:
    /// by configuration, or outside Lambda if no address is set.
    pub(crate) fn from_env() -> Option<Self> {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        if is_disabled(
            variable("AWS_XRAY_SDK_ENABLED"),
            variable("AWS_XRAY_SDK_DISABLED"),
        ) {
            return None;
        }
        Self::choose(
            variable("AWS_XRAY_DAEMON_ADDRESS").as_deref(),
            variable("AWS_LAMBDA_RUNTIME_API").is_some(),
            || Path::new(EXTENSION).exists(),
        )
    }

    /// Chooses the first of these: a loopback address that is set, because the extension
    /// listens there; the default address if the extension is installed; another address
    /// that is set, which is Lambda's daemon; the default address.
    fn choose(
        daemon_address: Option<&str>,
        on_lambda: bool,
        extension_is_installed: impl FnOnce() -> bool,
    ) -> Option<Self> {
        if daemon_address.is_none() && !on_lambda {
            return None;
        }
        let set = daemon_address.and_then(parse);
        let address = match set {
            Some(address) if address.ip().is_loopback() => address,
            _ if extension_is_installed() => DEFAULT_ADDRESS,
            Some(address) => address,
            None => DEFAULT_ADDRESS,
        };
        Some(Self::new(address))
    }
}

/// Parses `host:port`, or `tcp:host:port udp:host:port` in either order
/// (aws-xray-sdk-python). The host is an IP address, as on Lambda, or `localhost`. Other
/// names are not resolved, because a lookup blocks.
fn parse(address: &str) -> Option<SocketAddr> {
    let udp = address
        .split_whitespace()
        .find_map(|part| part.strip_prefix("udp:"));
    let host_and_port = udp.unwrap_or(address.trim());
    if let Ok(address) = host_and_port.parse() {
        return Some(address);
    }
    let (host, port) = host_and_port.rsplit_once(':')?;
    let is_local = host.eq_ignore_ascii_case("localhost");
    is_local.then_some((Ipv4Addr::LOCALHOST, port.parse().ok()?).into())
}

/// The variables of the official SDKs for Python (enabled) and Go (disabled).
fn is_disabled(enabled: Option<String>, disabled: Option<String>) -> bool {
    let off = |value: String| {
        ["n", "no", "f", "false", "off", "0"].contains(&value.to_ascii_lowercase().as_str())
    };
    enabled.is_some_and(off) || disabled.is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(set: Option<&str>, on_lambda: bool, extension: bool) -> Option<String> {
        let destination = Destination::choose(set, on_lambda, || extension);
        destination.map(|to| format!("{} {}", to.address, to.accepts_signals))
    }

    #[test]
    fn a_loopback_address_wins_over_the_extension_and_lambdas_daemon_does_not() {
        let lambda = Some("169.254.79.129:2000");
        assert_eq!(
            chosen(Some("127.0.0.1:2345"), true, true).unwrap(),
            "127.0.0.1:2345 true"
        );
        assert_eq!(chosen(lambda, true, true).unwrap(), "127.0.0.1:2000 true");
        assert_eq!(
            chosen(lambda, true, false).unwrap(),
            "169.254.79.129:2000 false"
        );
        assert_eq!(chosen(None, true, false).unwrap(), "127.0.0.1:2000 true");
    }

    #[test]
    fn outside_lambda_nothing_is_sent_unless_an_address_is_set() {
        assert_eq!(chosen(None, false, false), None);
        assert_eq!(
            chosen(Some("127.0.0.1:2000"), false, false).unwrap(),
            "127.0.0.1:2000 true"
        );
    }

    #[test]
    fn both_forms_of_the_address_are_read_and_an_invalid_one_means_the_default() {
        let both = "tcp:127.0.0.1:1 udp:127.0.0.1:2";
        assert_eq!(chosen(Some(both), true, false).unwrap(), "127.0.0.1:2 true");
        assert_eq!(
            chosen(Some("udp:127.0.0.1:3 tcp:127.0.0.1:4"), true, false).unwrap(),
            "127.0.0.1:3 true"
        );
        assert_eq!(
            chosen(Some("localhost:5"), true, false).unwrap(),
            "127.0.0.1:5 true"
        );
        assert_eq!(
            chosen(Some("nonsense"), true, false).unwrap(),
            "127.0.0.1:2000 true"
        );
    }

    #[test]
    fn host_names_are_not_resolved() {
        // A resolver maps `127.1` to 127.0.0.1 without a query.
        for name in ["127.1:6", "udp:127.1:6", "daemon.internal:6"] {
            assert_eq!(
                chosen(Some(name), true, false).unwrap(),
                "127.0.0.1:2000 true"
            );
        }
        assert_eq!(
            chosen(Some("[::1]:6"), true, false).unwrap(),
            "[::1]:6 true"
        );
    }

    #[test]
    fn the_variables_of_the_official_sdks_disable_recording() {
        let text = |text: &str| Some(text.to_owned());
        assert!(is_disabled(text("False"), None));
        assert!(is_disabled(None, text("TRUE")));
        assert!(!is_disabled(text("maybe"), text("no")));
    }
}
