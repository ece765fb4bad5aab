use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::export::xray::{CredentialSource, Credentials, endpoint};
use crate::intake;

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
    /// The AWS Region.
    pub region: Option<String>,
    /// X-Ray's base URL; `None` if neither an endpoint nor a Region is set.
    pub endpoint: Option<String>,
    /// The source of credentials; `None` if no variable names one.
    pub credentials: Option<CredentialSource>,
    /// The most bytes of documents that wait to be sent, in all sinks together.
    pub buffer_bytes: usize,
    /// The longest time that a flush may delay `/next` after an invocation.
    pub flush_timeout: Duration,
    /// The destinations of documents: at least one, each at most once.
    pub sinks: Vec<SinkChoice>,
    /// True if the extension records a function segment when Lambda records none.
    pub function_segment: bool,
    /// One line for each variable with a wrong value: the reason and the value used instead.
    pub warnings: Vec<String>,
}

/// A destination of documents, as `XRAY_LAMBDA_SINKS` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkChoice {
    /// `xray`: AWS X-Ray.
    XRay,
    /// `file:PATH`: JSON Lines in a file.
    File(PathBuf),
}

impl SinkChoice {
    /// An example of each sink, as the warning about an unknown one shows them.
    const EXAMPLES: [&str; 2] = ["xray", "file:PATH"];

    fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            None if text == "xray" => Some(Self::XRay),
            Some(("file", path)) if !path.is_empty() => Some(Self::File(path.into())),
            _ => None,
        }
    }
}

/// An environment variable of this project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    /// Its name, which begins with `XRAY_LAMBDA_`.
    pub name: &'static str,
    /// The value used if it is unset or empty.
    pub default: &'static str,
    /// Its row in the README.
    pub description: &'static str,
}

/// The environment variables of this project, as the README lists them. The extension also
/// reads variables of AWS and of HTTP proxies.
pub const VARIABLES: &[Variable] = &[BUFFER_BYTES, FLUSH_TIMEOUT_MS, FUNCTION_SEGMENT, SINKS];

const BUFFER_BYTES: Variable = Variable {
    name: "XRAY_LAMBDA_BUFFER_BYTES",
    default: "4194304",
    description: "The most bytes of unsent documents; above this limit, the oldest are dropped and counted",
};

const FLUSH_TIMEOUT_MS: Variable = Variable {
    name: "XRAY_LAMBDA_FLUSH_TIMEOUT_MS",
    default: "2000",
    description: "The longest time, in milliseconds, that sending may delay the end of an invocation, within the function's deadline",
};

const FUNCTION_SEGMENT: Variable = Variable {
    name: "XRAY_LAMBDA_FUNCTION_SEGMENT",
    default: "false",
    description: "`true` records a segment for the function if Lambda records none (tracing mode PassThrough)",
};

const SINKS: Variable = Variable {
    name: "XRAY_LAMBDA_SINKS",
    default: "xray",
    description: "Destinations of documents, separated by commas: `xray`, and `file:PATH` for a file of JSON Lines, 64 MB at most, in the sandbox",
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
        let intake = intake_address(get, &mut warnings);
        let region = get("AWS_REGION").or_else(|| get("AWS_DEFAULT_REGION"));
        let endpoint = endpoint(get, region.as_deref(), &mut warnings);
        let buffer_bytes = number(BUFFER_BYTES, get, &mut warnings);
        let flush_timeout_ms = number(FLUSH_TIMEOUT_MS, get, &mut warnings) as u64;
        Self {
            name,
            runtime_api: get("AWS_LAMBDA_RUNTIME_API"),
            managed_instances: get("AWS_LAMBDA_INITIALIZATION_TYPE").as_deref()
                == Some("lambda-managed-instances"),
            function_name: get("AWS_LAMBDA_FUNCTION_NAME"),
            intake,
            region,
            endpoint,
            credentials: credentials(get),
            buffer_bytes,
            flush_timeout: Duration::from_millis(flush_timeout_ms),
            function_segment: boolean(FUNCTION_SEGMENT, get, &mut warnings),
            sinks: sinks(get, &mut warnings),
            warnings,
        }
    }
}

/// Returns the value of a variable that is set and not empty.
type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

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

fn intake_address(get: Variables<'_>, warnings: &mut Vec<String>) -> SocketAddr {
    let address = get("AWS_XRAY_DAEMON_ADDRESS");
    intake::parse_address(address.as_deref()).unwrap_or_else(|error| {
        warnings.push(format!(
            "AWS_XRAY_DAEMON_ADDRESS {error}; listening on {} instead",
            intake::DEFAULT_ADDRESS
        ));
        intake::DEFAULT_ADDRESS
    })
}

/// X-Ray's base URL. A URL with a user name or password is not used: its `Authorization` header
/// would be a second one, beside the signature.
fn endpoint(
    get: Variables<'_>,
    region: Option<&str>,
    warnings: &mut Vec<String>,
) -> Option<String> {
    let own = ["AWS_ENDPOINT_URL_XRAY", "AWS_ENDPOINT_URL"];
    let Some((name, url)) = own.into_iter().find_map(|name| Some((name, get(name)?))) else {
        return region.map(endpoint::for_region);
    };
    if endpoint::has_user_info(&url) {
        warnings.push(format!(
            "{name} contains a user name or password; remove it: nothing is sent to this endpoint"
        ));
        return None;
    }
    if endpoint::is_readable_on_the_way(&url) {
        warnings.push(format!(
            "{name} is plain HTTP to another host: documents and the session token can be read on the way; use https"
        ));
    }
    Some(url)
}

fn credentials(get: Variables<'_>) -> Option<CredentialSource> {
    let keys = get("AWS_ACCESS_KEY_ID").zip(get("AWS_SECRET_ACCESS_KEY"));
    if let Some((access_key_id, secret_access_key)) = keys {
        return Some(CredentialSource::Environment(Credentials {
            access_key_id,
            secret_access_key,
            session_token: get("AWS_SESSION_TOKEN"),
        }));
    }
    Some(CredentialSource::Container {
        url: get("AWS_CONTAINER_CREDENTIALS_FULL_URI")?,
        token: get("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
    })
}

fn number(variable: Variable, get: Variables<'_>, warnings: &mut Vec<String>) -> usize {
    let Variable { name, default, .. } = variable;
    let value = get(name);
    let value = value.as_deref().unwrap_or(default);
    value.trim().parse().unwrap_or_else(|_| {
        warnings.push(format!(
            "{name} is not a whole number; using {default} instead"
        ));
        default.parse().unwrap_or_default()
    })
}

fn boolean(variable: Variable, get: Variables<'_>, warnings: &mut Vec<String>) -> bool {
    let Variable { name, default, .. } = variable;
    let value = get(name);
    parse_boolean(value.as_deref().unwrap_or(default)).unwrap_or_else(|| {
        warnings.push(format!(
            "{name} is neither true nor false; using {default} instead"
        ));
        parse_boolean(default).unwrap_or_default()
    })
}

fn parse_boolean(text: &str) -> Option<bool> {
    let text = text.trim();
    let is = |word| text.eq_ignore_ascii_case(word);
    if is("true") || is("1") {
        Some(true)
    } else if is("false") || is("0") {
        Some(false)
    } else {
        None
    }
}

fn sinks(get: Variables<'_>, warnings: &mut Vec<String>) -> Vec<SinkChoice> {
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
        let endpoint = |variables: &[_]| config(variables).endpoint.unwrap();
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
            assert_eq!(config.endpoint, None, "{url}");
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
    fn an_unknown_sink_is_ignored_with_a_warning() {
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
    fn each_sink_is_read_and_documented() {
        for example in SinkChoice::EXAMPLES {
            assert!(SinkChoice::parse(example).is_some(), "{example}");
            let word = format!("`{example}`");
            assert!(SINKS.description.contains(&word), "{word} is not in SINKS");
        }
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
