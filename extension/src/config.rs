use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::export::xray::{CredentialSource, Credentials, endpoint};
use crate::intake;

/// Everything that the environment says, read once at the start.
#[derive(Debug, Clone)]
pub struct Config {
    /// The name to register: the file's own, as Lambda demands.
    pub name: String,
    /// `host:port`, or a URL with a path where an emulator says so.
    pub runtime_api: Option<String>,
    /// Managed Instances run requests side by side and tell extensions of SHUTDOWN only.
    pub managed_instances: bool,
    pub function_name: Option<String>,
    /// Where documents arrive by UDP; always a loopback address.
    pub intake: SocketAddr,
    pub region: Option<String>,
    /// X-Ray's base URL; `None` without a region and without an override.
    pub endpoint: Option<String>,
    pub credentials: Option<CredentialSource>,
    pub buffer_bytes: usize,
    pub flush_timeout: Duration,
    /// The destinations of documents, at least one, each at most once.
    pub sinks: Vec<SinkChoice>,
    /// Draw the function's own segment where Lambda draws none.
    pub function_segment: bool,
    /// What was wrong with the environment and what is used in its place.
    pub warnings: Vec<String>,
}

/// A destination of documents, as `XRAY_LAMBDA_SINKS` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkChoice {
    XRay,
    File(PathBuf),
}

impl SinkChoice {
    fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            None if text == "xray" => Some(Self::XRay),
            Some(("file", path)) if !path.is_empty() => Some(Self::File(path.into())),
            _ => None,
        }
    }
}

/// A variable of our own. Standard ones are not listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    pub name: &'static str,
    pub default: &'static str,
    pub description: &'static str,
}

/// Every variable that begins with `XRAY_LAMBDA_`, as the README lists them.
pub const VARIABLES: &[Variable] = &[BUFFER_BYTES, FLUSH_TIMEOUT_MS, FUNCTION_SEGMENT, SINKS];

const BUFFER_BYTES: Variable = Variable {
    name: "XRAY_LAMBDA_BUFFER_BYTES",
    default: "4194304",
    description: "Bytes of documents kept while X-Ray cannot take them; beyond, the oldest are dropped and counted",
};
const FLUSH_TIMEOUT_MS: Variable = Variable {
    name: "XRAY_LAMBDA_FLUSH_TIMEOUT_MS",
    default: "2000",
    description: "The most milliseconds that sending may hold the sandbox after an invocation; never beyond the function's deadline",
};
const FUNCTION_SEGMENT: Variable = Variable {
    name: "XRAY_LAMBDA_FUNCTION_SEGMENT",
    default: "false",
    description: "With `true`, draw the function's segment where Lambda draws none (tracing mode PassThrough)",
};

const SINKS: Variable = Variable {
    name: "XRAY_LAMBDA_SINKS",
    default: "xray",
    description: "Where documents are sent, separated by commas: `xray`, and `file:PATH` for JSON Lines (64 MB at most) in a file of the sandbox",
};

impl Config {
    pub fn from_env() -> Self {
        let name = std::env::args_os()
            .next()
            .or_else(|| Some(std::env::current_exe().ok()?.into()));
        let file = name
            .as_deref()
            .map(std::path::Path::new)
            .and_then(std::path::Path::file_name);
        let name = file.map_or_else(
            || env!("CARGO_PKG_NAME").to_owned(),
            |file| file.to_string_lossy().into_owned(),
        );
        Self::from(name, |variable| std::env::var(variable).ok())
    }

    /// Reads the variables through `get`; an empty one counts as unset.
    pub fn from(name: String, get: impl Fn(&str) -> Option<String>) -> Self {
        let get = |variable: &str| get(variable).filter(|value| !value.is_empty());
        let mut warnings = Vec::new();

        let address = get("AWS_XRAY_DAEMON_ADDRESS");
        let intake = intake::parse_address(address.as_deref()).unwrap_or_else(|problem| {
            warnings.push(format!(
                "AWS_XRAY_DAEMON_ADDRESS {problem}; listening on {} instead",
                intake::DEFAULT_ADDRESS
            ));
            intake::DEFAULT_ADDRESS
        });
        let region = get("AWS_REGION").or_else(|| get("AWS_DEFAULT_REGION"));
        let endpoint = get("AWS_ENDPOINT_URL_XRAY")
            .or_else(|| get("AWS_ENDPOINT_URL"))
            .or_else(|| region.as_deref().map(endpoint::for_region));
        let credentials = get("AWS_ACCESS_KEY_ID")
            .zip(get("AWS_SECRET_ACCESS_KEY"))
            .map(|(access_key_id, secret_access_key)| {
                CredentialSource::Environment(Credentials {
                    access_key_id,
                    secret_access_key,
                    session_token: get("AWS_SESSION_TOKEN"),
                })
            })
            .or_else(|| {
                Some(CredentialSource::Container {
                    url: get("AWS_CONTAINER_CREDENTIALS_FULL_URI")?,
                    token: get("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
                })
            });
        let mut number = |variable: Variable| -> usize {
            let given = get(variable.name);
            let wanted = given.as_deref().unwrap_or(variable.default);
            wanted.trim().parse().unwrap_or_else(|_| {
                let Variable { name, default, .. } = variable;
                warnings.push(format!("{name} is not a whole number; using {default}"));
                default.parse().unwrap_or_default()
            })
        };
        let buffer_bytes = number(BUFFER_BYTES);
        let flush_timeout = Duration::from_millis(number(FLUSH_TIMEOUT_MS) as u64);
        let function_segment = match get(FUNCTION_SEGMENT.name).as_deref().map(str::trim) {
            Some(value)
                if ["true", "1"]
                    .iter()
                    .any(|yes| value.eq_ignore_ascii_case(yes)) =>
            {
                true
            }
            Some(value)
                if ["false", "0"]
                    .iter()
                    .any(|no| value.eq_ignore_ascii_case(no)) =>
            {
                false
            }
            None => false,
            Some(_) => {
                let name = FUNCTION_SEGMENT.name;
                warnings.push(format!("{name} is neither true nor false; using false"));
                false
            }
        };

        let sinks = sinks(get(SINKS.name).as_deref(), &mut warnings);

        Self {
            name,
            runtime_api: get("AWS_LAMBDA_RUNTIME_API"),
            managed_instances: get("AWS_LAMBDA_INITIALIZATION_TYPE").as_deref()
                == Some("lambda-managed-instances"),
            function_name: get("AWS_LAMBDA_FUNCTION_NAME"),
            intake,
            region,
            endpoint,
            credentials,
            buffer_bytes,
            flush_timeout,
            sinks,
            function_segment,
            warnings,
        }
    }
}

/// Reads a list of sinks. An unknown one is remarked and left out.
fn sinks(value: Option<&str>, warnings: &mut Vec<String>) -> Vec<SinkChoice> {
    let Variable { name, default, .. } = SINKS;
    let mut sinks = Vec::new();
    for text in value.unwrap_or(default).split(',').map(str::trim) {
        match SinkChoice::parse(text) {
            Some(sink) if !sinks.contains(&sink) => sinks.push(sink),
            Some(_) => {}
            None => warnings.push(format!(
                "{name}: \"{}\" is not a sink; use xray or file:PATH",
                text.escape_debug()
            )),
        }
    }
    if sinks.is_empty() {
        warnings.push(format!("{name} names no sink; using {default}"));
        sinks.push(SinkChoice::XRay);
    }
    sinks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(variables: &[(&str, &str)]) -> Config {
        Config::from("x".to_owned(), |name| {
            variables
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn an_empty_environment_has_working_defaults_and_no_warnings() {
        let config = config(&[]);
        assert_eq!(config.intake, intake::DEFAULT_ADDRESS);
        assert_eq!(config.buffer_bytes, 4 * 1024 * 1024);
        assert_eq!(config.flush_timeout, Duration::from_secs(2));
        assert!(!config.function_segment && !config.managed_instances);
        assert_eq!(config.warnings, Vec::<String>::new());
    }

    #[test]
    fn the_xray_endpoint_wins_over_the_general_one_and_that_over_the_region() {
        let region = ("AWS_REGION", "cn-north-1");
        let general = ("AWS_ENDPOINT_URL", "http://general");
        let own = ("AWS_ENDPOINT_URL_XRAY", "http://own");
        let endpoint = |variables: &[_]| config(variables).endpoint.unwrap();
        assert_eq!(endpoint(&[region, general, own]), "http://own");
        assert_eq!(endpoint(&[region, general]), "http://general");
        assert_eq!(
            endpoint(&[region]),
            "https://xray.cn-north-1.amazonaws.com.cn"
        );
    }

    #[test]
    fn a_bad_value_is_remarked_by_name_and_replaced_by_the_default() {
        let config = config(&[
            ("XRAY_LAMBDA_BUFFER_BYTES", "4MB"),
            ("XRAY_LAMBDA_FUNCTION_SEGMENT", "maybe"),
            ("AWS_XRAY_DAEMON_ADDRESS", "169.254.79.129:2000"),
        ]);
        assert_eq!(config.buffer_bytes, 4 * 1024 * 1024);
        assert_eq!(config.intake, intake::DEFAULT_ADDRESS);
        assert_eq!(config.warnings.len(), 3, "{:?}", config.warnings);
        for (remark, name) in config.warnings.iter().zip([
            "AWS_XRAY_DAEMON_ADDRESS",
            "XRAY_LAMBDA_BUFFER_BYTES",
            "XRAY_LAMBDA_FUNCTION_SEGMENT",
        ]) {
            assert!(remark.starts_with(name), "{remark}");
        }
    }

    #[test]
    fn sinks_are_a_list_and_an_unknown_one_is_left_out_with_a_remark() {
        let sinks = |value| {
            let config = config(&[("XRAY_LAMBDA_SINKS", value)]);
            (config.sinks, config.warnings.len())
        };
        let file = SinkChoice::File("/tmp/a:b.jsonl".into());
        assert_eq!(config(&[]).sinks, [SinkChoice::XRay]);
        assert_eq!(
            sinks("xray, file:/tmp/a:b.jsonl,xray"),
            (vec![SinkChoice::XRay, file.clone()], 0)
        );
        assert_eq!(sinks("file:/tmp/a:b.jsonl,kafka"), (vec![file], 1));
        assert_eq!(sinks("file:"), (vec![SinkChoice::XRay], 2));
    }

    #[test]
    fn every_variable_of_ours_begins_with_our_prefix() {
        assert!(
            VARIABLES
                .iter()
                .all(|variable| variable.name.starts_with("XRAY_LAMBDA_"))
        );
    }

    #[test]
    fn credentials_never_show_in_debug_output() {
        let config = config(&[
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "secret-example"),
            ("AWS_SESSION_TOKEN", "token-example"),
        ]);
        let debug = format!("{config:?}");
        assert!(
            !debug.contains("secret-example") && !debug.contains("token-example"),
            "{debug}"
        );
    }
}
