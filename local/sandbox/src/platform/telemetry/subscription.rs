use std::time::Duration;

use serde::Deserialize;

use crate::platform::category::TelemetryCategory;

/// The body of a subscription to the Telemetry API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subscription {
    pub(crate) schema: Schema,
    pub(crate) types: Vec<TelemetryCategory>,
    pub(crate) buffering: Buffering,
    pub(crate) destination: Destination,
}

/// `schemaVersion`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Schema {
    V2022_07_01,
    V2022_12_13,
    V2025_01_29,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Buffering {
    pub(crate) max_items: usize,
    pub(crate) max_bytes: usize,
    pub(crate) timeout: Duration,
}

/// The address of a listener on this machine: `sandbox.localdomain` is 127.0.0.1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Destination {
    /// A JSON array for each batch, acknowledged with status 200.
    Http { port: u16, path: String },
    /// Newline-delimited JSON, without acknowledgement.
    Tcp { port: u16 },
}

// The smallest, default and largest values of buffering (Lambda Developer Guide, "Telemetry
// API reference"; one of its tables swaps the rows of items and time).
const ITEMS: (u64, u64, u64) = (1_000, 10_000, 10_000);
const BYTES: (u64, u64, u64) = (262_144, 262_144, 1_048_576);
const TIMEOUT_MS: (u64, u64, u64) = (25, 1_000, 30_000);

/// The port of the Runtime API in Lambda; a listener must use another one.
const RUNTIME_API_PORT: u16 = 9001;

impl Subscription {
    /// # Errors
    /// The message of a `ValidationError`.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, String> {
        let wire: SubscriptionBody = serde_json::from_slice(body)
            .map_err(|error| format!("the body is not a valid subscription: {error}"))?;
        let schema = match wire.schema_version.as_deref() {
            None | Some("2022-07-01") => Schema::V2022_07_01,
            Some("2022-12-13") => Schema::V2022_12_13,
            Some("2025-01-29") => Schema::V2025_01_29,
            Some(other) => {
                return Err(format!(
                    "schemaVersion {other} is unknown: use 2025-01-29, 2022-12-13 or 2022-07-01"
                ));
            }
        };
        if wire.types.is_empty() {
            return Err("types is empty: use platform, function or extension".to_owned());
        }
        let mut types = Vec::new();
        for name in &wire.types {
            let kind = TelemetryCategory::parse(name).ok_or_else(|| {
                format!("type {name} is unknown: use platform, function or extension")
            })?;
            if !types.contains(&kind) {
                types.push(kind);
            }
        }
        let buffering = wire.buffering.unwrap_or_default();
        let destination = wire.destination.ok_or("destination is missing")?.read()?;
        Ok(Self {
            schema,
            types,
            buffering: buffering.read()?,
            destination,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SubscriptionBody {
    schema_version: Option<String>,
    #[serde(default)]
    types: Vec<String>,
    buffering: Option<BufferingBody>,
    destination: Option<DestinationBody>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct BufferingBody {
    max_items: Option<u64>,
    max_bytes: Option<u64>,
    timeout_ms: Option<u64>,
}

impl BufferingBody {
    fn read(&self) -> Result<Buffering, String> {
        let within = |name: &str, given: Option<u64>, (min, default, max): (u64, u64, u64)| {
            let value = given.unwrap_or(default);
            if (min..=max).contains(&value) {
                return Ok(value);
            }
            Err(format!(
                "buffering.{name} is {value}: it must be from {min} to {max}"
            ))
        };
        // Values within the limits fit in every usize.
        Ok(Buffering {
            max_items: within("maxItems", self.max_items, ITEMS)? as usize,
            max_bytes: within("maxBytes", self.max_bytes, BYTES)? as usize,
            timeout: Duration::from_millis(within("timeoutMs", self.timeout_ms, TIMEOUT_MS)?),
        })
    }
}

#[derive(Deserialize)]
struct DestinationBody {
    protocol: Option<String>,
    #[serde(rename = "URI", alias = "uri")]
    uri: Option<String>,
    port: Option<u16>,
}

impl DestinationBody {
    fn read(self) -> Result<Destination, String> {
        let destination = match self.protocol.as_deref() {
            Some("HTTP") => http(&self.uri.ok_or("destination.URI is missing")?)?,
            Some("TCP") => Destination::Tcp {
                port: self.port.ok_or("destination.port is missing")?,
            },
            other => {
                let other = other.unwrap_or("missing");
                return Err(format!("destination.protocol is {other}: use HTTP or TCP"));
            }
        };
        let (Destination::Http { port, .. } | Destination::Tcp { port }) = &destination;
        if *port == RUNTIME_API_PORT {
            return Err(format!(
                "port {port} belongs to the Runtime API: listen on another port"
            ));
        }
        Ok(destination)
    }
}

fn http(uri: &str) -> Result<Destination, String> {
    let invalid =
        |why: &str| format!("destination.URI {uri} {why}: use http://sandbox.localdomain:<port>/");
    let rest = uri
        .strip_prefix("http://")
        .ok_or_else(|| invalid("is not an http:// address"))?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (host, port) = authority.rsplit_once(':').unwrap_or((authority, "80"));
    if !["sandbox.localdomain", "sandbox"].contains(&host) {
        return Err(invalid("names a host other than the sandbox"));
    }
    let port = port
        .parse()
        .ok()
        .filter(|&port| port != 0)
        .ok_or_else(|| invalid("has no valid port"))?;
    if path.bytes().any(|byte| byte <= b' ' || byte >= 0x7f) {
        return Err(invalid("has a path with invalid characters"));
    }
    Ok(Destination::Http {
        port,
        path: format!("/{path}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(buffering: &str, destination: &str) -> Result<Subscription, String> {
        Subscription::parse(
            format!(
                r#"{{"schemaVersion":"2025-01-29","types":["platform","function"],"buffering":{buffering},"destination":{destination}}}"#
            )
            .as_bytes(),
        )
    }

    const HTTP: &str = r#"{"protocol":"HTTP","URI":"http://sandbox.localdomain:4243/in"}"#;

    #[test]
    fn a_subscription_has_defaults() {
        let read = parse("{}", HTTP).unwrap();
        assert_eq!(read.schema, Schema::V2025_01_29);
        assert_eq!(
            read.types,
            [TelemetryCategory::Platform, TelemetryCategory::Function]
        );
        assert_eq!(
            read.buffering,
            Buffering {
                max_items: 10_000,
                max_bytes: 262_144,
                timeout: Duration::from_secs(1)
            }
        );
        assert_eq!(
            read.destination,
            Destination::Http {
                port: 4243,
                path: "/in".into()
            }
        );
    }

    #[test]
    fn buffering_outside_of_its_limits_is_rejected() {
        for good in [
            r#"{"maxItems":1000}"#,
            r#"{"timeoutMs":25}"#,
            r#"{"maxBytes":1048576}"#,
        ] {
            parse(good, HTTP).unwrap();
        }
        for bad in [
            r#"{"maxItems":999}"#,
            r#"{"timeoutMs":24}"#,
            r#"{"maxBytes":1048577}"#,
        ] {
            let error = parse(bad, HTTP).unwrap_err();
            assert!(error.contains("it must be from"), "{error}");
        }
    }

    #[test]
    fn only_a_listener_in_the_sandbox_is_accepted() {
        let uri = |uri: &str| parse("{}", &format!(r#"{{"protocol":"HTTP","URI":"{uri}"}}"#));
        uri("http://sandbox:4243").unwrap();
        for bad in [
            "http://example.com:80/",
            "https://sandbox.localdomain:4243/",
            "http://sandbox.localdomain:9001/",
            "http://sandbox.localdomain:x/",
            "http://sandbox.localdomain:4243/a\\r\\nHost: b",
        ] {
            assert!(uri(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_tcp_listener_has_a_port() {
        let read = parse("{}", r#"{"protocol":"TCP","port":5000}"#).unwrap();
        assert_eq!(read.destination, Destination::Tcp { port: 5000 });
    }

    #[test]
    fn an_unknown_value_is_named_in_the_error() {
        let body = |schema: &str, types: &str| {
            let text =
                format!(r#"{{"schemaVersion":"{schema}","types":{types},"destination":{HTTP}}}"#);
            Subscription::parse(text.as_bytes()).unwrap_err()
        };
        assert!(body("2030-01-01", r#"["platform"]"#).contains("2030-01-01"));
        assert!(body("2022-07-01", r#"["logs"]"#).contains("type logs"));
        assert!(body("2022-07-01", "[]").contains("types is empty"));
    }
}
