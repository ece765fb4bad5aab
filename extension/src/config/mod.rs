//! The environment variables: one file for each part that has several of them.

mod filters;
mod flush;
mod log;
mod platform;
mod sinks;
mod variable;
mod xray;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

pub(crate) use self::filters::{KEEP, POLICY};
use self::flush::{FLUSH_STRATEGY, FLUSH_TIMEOUT_MS, flush_strategy, flush_timeout};
use self::log::{LOG, METRICS, log_settings, metrics};
use self::platform::{
    FUNCTION_SEGMENT, FUNCTION_SEGMENT_FIXED_RATE, FUNCTION_SEGMENT_RESERVOIR_SIZE,
    PLATFORM_ANNOTATIONS, sampling,
};
pub use self::sinks::SinkChoice;
use self::sinks::{SINKS, sinks};
pub use self::variable::Variable;
use self::variable::Variables;
use self::xray::ROLE_ARN;
use crate::export::xray::XRaySettings;
use crate::flush::Strategy;
use crate::intake::{self, DaemonAddresses};
use crate::log::LogSettings;
use crate::telemetry::SamplingRule;

/// The environment variables, read once at the start.
#[derive(Debug, Clone)]
pub struct Config {
    /// The name to register. Lambda requires the name of the program's file (Lambda Developer
    /// Guide, Extensions API).
    pub name: String,
    /// `AWS_LAMBDA_RUNTIME_API`: `host:port`, or from some emulators a URL with a path.
    pub runtime_api: Option<String>,
    /// True if the function runs on Lambda Managed Instances, which run several invocations at a
    /// time and send extensions no INVOKE.
    pub managed_instances: bool,
    /// The function's name.
    pub function_name: Option<String>,
    /// The UDP address that documents are sent to; always a loopback address.
    pub intake: SocketAddr,
    /// The UDP address of Lambda's own daemon, if a setting names it.
    pub platform_daemon: Option<SocketAddr>,
    /// The TCP address of centralized sampling; always a loopback address.
    pub sampling_proxy: SocketAddr,
    /// The endpoint and credentials of X-Ray.
    pub xray: XRaySettings,
    /// The most bytes of documents that wait to be sent, in all sinks together.
    pub buffer_bytes: usize,
    /// The time at which documents are sent.
    pub flush_strategy: Strategy,
    /// The longest time that a flush may delay `/next` after an invocation.
    pub flush_timeout: Duration,
    /// The destinations of documents: at least one, each at most once.
    pub sinks: Vec<SinkChoice>,
    /// The keep rules, in JSON or as a path; `None` keeps every trace.
    pub keep: Option<String>,
    /// The policy, in JSON or as a path; `None` sends every document unchanged.
    pub policy: Option<String>,
    /// True if the extension records a function segment when Lambda records none.
    pub function_segment: bool,
    /// How many function segments to record if the trace header leaves it open.
    pub sampling: SamplingRule,
    /// True to record memory, billed time and version as annotations.
    pub platform_annotations: bool,
    /// The level and the format of the log.
    pub log: LogSettings,
    /// True if metrics are written to standard output.
    pub metrics: bool,
    /// One line for each variable with a wrong value: the reason and the value used instead.
    pub warnings: Vec<String>,
}

/// The environment variables of this project, as the README lists them. The extension also
/// reads variables of AWS and of HTTP proxies.
pub const VARIABLES: &[Variable] = &[
    BUFFER_BYTES,
    FLUSH_STRATEGY,
    FLUSH_TIMEOUT_MS,
    FUNCTION_SEGMENT,
    FUNCTION_SEGMENT_FIXED_RATE,
    FUNCTION_SEGMENT_RESERVOIR_SIZE,
    KEEP,
    LOG,
    METRICS,
    PLATFORM_ANNOTATIONS,
    POLICY,
    ROLE_ARN,
    SINKS,
];

const BUFFER_BYTES: Variable = Variable {
    name: "XRAY_LAMBDA_BUFFER_BYTES",
    default: "4194304",
    description: "The most bytes of unsent documents; above this limit, the oldest are dropped and counted",
};

impl Config {
    /// Reads the environment of this process. A wrong value becomes a line of
    /// [`warnings`](Self::warnings), and its default is used.
    pub fn from_env() -> Self {
        Self::from_variables(program_name(), |variable| std::env::var(variable).ok())
    }

    /// Reads the variables through `get`. An empty variable counts as unset.
    fn from_variables(name: String, get: impl Fn(&str) -> Option<String>) -> Self {
        let get = &|variable: &str| get(variable).filter(|value| !value.is_empty());
        let mut warnings = Vec::new();
        let daemon = daemon_addresses(get, &mut warnings);
        let xray = xray::settings(get, &mut warnings);
        let sinks = sinks(get, daemon.udp, &mut warnings);
        let buffer_bytes = BUFFER_BYTES.number(get, &mut warnings);
        let flush_strategy = flush_strategy(get, &mut warnings);
        let flush_timeout = flush_timeout(get, &mut warnings);
        Self {
            name,
            runtime_api: get("AWS_LAMBDA_RUNTIME_API"),
            managed_instances: get("AWS_LAMBDA_INITIALIZATION_TYPE").as_deref()
                == Some("lambda-managed-instances"),
            function_name: get("AWS_LAMBDA_FUNCTION_NAME"),
            intake: daemon.udp,
            sampling_proxy: daemon.tcp,
            platform_daemon: platform_daemon(get, &sinks),
            xray,
            buffer_bytes,
            flush_strategy,
            flush_timeout,
            function_segment: FUNCTION_SEGMENT.boolean(get, &mut warnings),
            sampling: sampling(get, &mut warnings),
            platform_annotations: PLATFORM_ANNOTATIONS.boolean(get, &mut warnings),
            sinks,
            keep: get(KEEP.name).filter(|value| value != KEEP.default),
            policy: get(POLICY.name).filter(|value| value != POLICY.default),
            log: log_settings(get, &mut warnings),
            metrics: metrics(get, &mut warnings),
            warnings,
        }
    }
}

/// The file name of this program.
fn program_name() -> String {
    let path = std::env::args_os()
        .next()
        .or_else(|| Some(std::env::current_exe().ok()?.into()));
    let file = path.as_deref().map(Path::new).and_then(Path::file_name);
    file.map_or_else(
        || env!("CARGO_PKG_NAME").to_owned(),
        |file| file.to_string_lossy().into_owned(),
    )
}

/// The address of the sink `relay`, or an `AWS_XRAY_DAEMON_ADDRESS` outside the sandbox.
fn platform_daemon(get: Variables<'_>, sinks: &[SinkChoice]) -> Option<SocketAddr> {
    let relay = sinks.iter().find_map(|sink| match sink {
        SinkChoice::Relay(address) => Some(*address),
        SinkChoice::XRay | SinkChoice::File(_) => None,
    });
    let variable = || {
        get("AWS_XRAY_DAEMON_ADDRESS")?
            .trim()
            .parse::<SocketAddr>()
            .ok()
    };
    relay.or_else(|| variable().filter(|address| !address.ip().is_loopback()))
}

fn daemon_addresses(get: Variables<'_>, warnings: &mut Vec<String>) -> DaemonAddresses {
    let address = get("AWS_XRAY_DAEMON_ADDRESS");
    intake::parse_address(address.as_deref()).unwrap_or_else(|error| {
        warnings.push(format!(
            "AWS_XRAY_DAEMON_ADDRESS {error}; listening on {} instead",
            intake::DEFAULT_ADDRESS
        ));
        DaemonAddresses::DEFAULT
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(variables: &[(&str, &str)]) -> Config {
        Config::from_variables("x".to_owned(), |name| {
            variables
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn an_empty_environment_gives_defaults_and_no_warnings() {
        let config = config(&[]);
        assert_eq!(config.intake, intake::DEFAULT_ADDRESS);
        assert_eq!(config.buffer_bytes, 4 * 1024 * 1024);
        assert_eq!(config.flush_timeout, Duration::from_secs(2));
        assert!(!config.function_segment && !config.managed_instances);
        assert_eq!(config.warnings, Vec::<String>::new());
    }

    #[test]
    fn the_xray_endpoint_precedes_the_general_endpoint_and_the_region() {
        let region = ("AWS_REGION", "cn-north-1");
        let general = ("AWS_ENDPOINT_URL", "http://general");
        let xray = ("AWS_ENDPOINT_URL_XRAY", "http://xray");
        let endpoint = |variables: &[_]| config(variables).xray.endpoint.unwrap();
        assert_eq!(endpoint(&[region, general, xray]), "http://xray");
        assert_eq!(endpoint(&[region, general]), "http://general");
        assert_eq!(
            endpoint(&[region]),
            "https://xray.cn-north-1.amazonaws.com.cn"
        );
    }

    #[test]
    fn an_endpoint_with_a_user_or_a_password_is_not_used_and_not_quoted() {
        for url in [
            "http://user:secret@127.0.0.1:2001",
            "https://user@xray.example",
        ] {
            let config = config(&[("AWS_REGION", "eu-west-1"), ("AWS_ENDPOINT_URL_XRAY", url)]);
            assert_eq!(config.xray.endpoint, None, "{url}");
            let [warning] = config.warnings.as_slice() else {
                panic!("{:?}", config.warnings)
            };
            assert!(
                warning.starts_with("AWS_ENDPOINT_URL_XRAY") && !warning.contains("user@"),
                "{warning}"
            );
            assert!(!warning.contains("secret"), "{warning}");
        }
    }

    #[test]
    fn plain_http_to_another_host_gives_a_warning() {
        let warnings = |url| config(&[("AWS_ENDPOINT_URL", url)]).warnings.len();
        assert_eq!(warnings("http://192.0.2.1:2001"), 1);
        assert_eq!(warnings("http://xray.example"), 1);
        for url in [
            "https://xray.example",
            "http://127.0.0.1:2001",
            "http://localhost:2001",
            "http://[::1]:2001",
        ] {
            assert_eq!(warnings(url), 0, "{url}");
        }
    }

    #[test]
    fn a_wrong_value_gives_a_warning_with_its_name_and_the_default() {
        let config = config(&[
            ("XRAY_LAMBDA_BUFFER_BYTES", "4MB"),
            ("XRAY_LAMBDA_FUNCTION_SEGMENT", "maybe"),
            ("AWS_XRAY_DAEMON_ADDRESS", "169.254.79.129:2000"),
        ]);
        assert_eq!(config.buffer_bytes, 4 * 1024 * 1024);
        assert_eq!(config.intake, intake::DEFAULT_ADDRESS);
        assert_eq!(config.warnings.len(), 3, "{:?}", config.warnings);
        for (warning, name) in config.warnings.iter().zip([
            "AWS_XRAY_DAEMON_ADDRESS",
            "XRAY_LAMBDA_BUFFER_BYTES",
            "XRAY_LAMBDA_FUNCTION_SEGMENT",
        ]) {
            assert!(warning.starts_with(name), "{warning}");
        }
    }

    #[test]
    fn lambdas_own_daemon_is_known_from_the_sink_or_from_the_address() {
        let daemon = |variables: &[_]| config(variables).platform_daemon.map(|it| it.to_string());
        let address = ("AWS_XRAY_DAEMON_ADDRESS", "169.254.79.129:2000");
        let relay = ("XRAY_LAMBDA_SINKS", "xray,relay");
        assert_eq!(daemon(&[address]).as_deref(), Some("169.254.79.129:2000"));
        assert_eq!(
            daemon(&[address, relay]).as_deref(),
            Some("169.254.100.1:2000")
        );
        assert_eq!(
            daemon(&[("AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1:2000")]),
            None
        );
        assert_eq!(daemon(&[]), None);
    }

    #[test]
    fn every_variable_of_this_project_has_its_prefix() {
        assert!(
            VARIABLES
                .iter()
                .all(|variable| variable.name.starts_with("XRAY_LAMBDA_"))
        );
    }

    #[test]
    fn debug_output_contains_no_credentials() {
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
