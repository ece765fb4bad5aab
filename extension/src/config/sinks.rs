use std::net::SocketAddr;
use std::path::PathBuf;

use super::variable::{Variable, Variables};
use crate::export::relay;

/// A destination of documents, as `XRAY_LAMBDA_SINKS` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkChoice {
    /// `xray`: AWS X-Ray.
    XRay,
    /// `file:PATH`: JSON Lines in a file.
    File(PathBuf),
    /// `relay`, `relay:ADDRESS`: another X-Ray daemon, by UDP.
    Relay(SocketAddr),
}

impl SinkChoice {
    /// An example of each sink, as the warning about an unknown one shows them.
    const EXAMPLES: [&str; 3] = ["xray", "file:PATH", "relay"];

    fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            None if text == "xray" => Some(Self::XRay),
            None if text == "relay" => Some(Self::Relay(relay::DEFAULT_ADDRESS)),
            Some(("relay", address)) => Some(Self::Relay(address.parse().ok()?)),
            Some(("file", path)) if !path.is_empty() => Some(Self::File(path.into())),
            _ => None,
        }
    }
}

pub(super) const SINKS: Variable = Variable {
    name: "XRAY_LAMBDA_SINKS",
    default: "xray",
    description: "Destinations of documents, separated by commas: `xray`, `file:PATH` for a file of JSON Lines, 64 MB at most, in the sandbox, and `relay` or `relay:IP:PORT` for Lambda's own daemon (169.254.100.1:2000)",
};

/// The configured sinks, each once; at least one. `intake` is the address that the extension
/// itself listens on.
pub(super) fn sinks(
    get: Variables<'_>,
    intake: SocketAddr,
    warnings: &mut Vec<String>,
) -> Vec<SinkChoice> {
    let Variable { name, default, .. } = SINKS;
    let value = get(name);
    let mut sinks = Vec::new();
    for text in value
        .as_deref()
        .unwrap_or(default)
        .split(',')
        .map(str::trim)
    {
        match SinkChoice::parse(text) {
            Some(SinkChoice::Relay(address)) if address == intake => warnings.push(format!(
                "{name}: \"relay:{address}\" is the extension's own address, so it is not used; name the address of another daemon"
            )),
            Some(sink) if !sinks.contains(&sink) => sinks.push(sink),
            Some(_) => {}
            None => warnings.push(format!(
                "{name}: \"{}\" is not a sink; use {}",
                text.escape_debug(),
                SinkChoice::EXAMPLES.join(" or ")
            )),
        }
    }
    if sinks.is_empty() {
        warnings.push(format!("{name} contains no sink; using {default} instead"));
        sinks.push(SinkChoice::XRay);
    }
    sinks
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: SocketAddr = crate::intake::DEFAULT_ADDRESS;

    #[test]
    fn a_relay_has_an_address_and_never_the_extensions_own() {
        let sinks = |value: &str| {
            let mut warnings = Vec::new();
            let sinks = sinks(&|_| Some(value.to_owned()), OWN, &mut warnings);
            (sinks, warnings.len())
        };
        let relay = |address: &str| SinkChoice::Relay(address.parse().unwrap());
        assert_eq!(sinks("relay"), (vec![relay("169.254.100.1:2000")], 0));
        let old = "169.254.79.129:2000";
        assert_eq!(sinks(&format!("relay:{old}")), (vec![relay(old)], 0));
        assert_eq!(sinks("relay:[::1]:2000"), (vec![relay("[::1]:2000")], 0));
        for wrong in [
            "relay:",
            "relay:daemon:2000",
            "relay:127.0.0.1",
            "relay:127.0.0.1:2000",
        ] {
            assert_eq!(sinks(wrong), (vec![SinkChoice::XRay], 2), "{wrong}");
        }
    }

    #[test]
    fn an_unknown_sink_is_ignored_with_a_warning() {
        let sinks = |value: &str| {
            let mut warnings = Vec::new();
            let sinks = sinks(&|_| Some(value.to_owned()), OWN, &mut warnings);
            (sinks, warnings.len())
        };
        let file = SinkChoice::File("/tmp/a:b.jsonl".into());
        assert_eq!(
            super::sinks(&|_| None, OWN, &mut Vec::new()),
            [SinkChoice::XRay]
        );
        assert_eq!(
            sinks("xray, file:/tmp/a:b.jsonl,xray"),
            (vec![SinkChoice::XRay, file.clone()], 0)
        );
        assert_eq!(sinks("file:/tmp/a:b.jsonl,kafka"), (vec![file], 1));
        assert_eq!(sinks("file:"), (vec![SinkChoice::XRay], 2));
    }

    #[test]
    fn each_sink_is_read_and_documented() {
        for example in SinkChoice::EXAMPLES {
            assert!(SinkChoice::parse(example).is_some(), "{example}");
            let word = format!("`{example}`");
            assert!(SINKS.description.contains(&word), "{word} is not in SINKS");
        }
    }
}
