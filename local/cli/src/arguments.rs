//! The command line. Options that SAM has too have SAM's names.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::{Args, Parser, Subcommand, ValueEnum};
use etcetera::BaseStrategy;
use xray_local_lambda_rules::is_region_name;

use crate::credentials::CredentialsChoice;

/// Lambda, the X-Ray API and a trace store on one machine.
///
/// All servers listen on loopback by default. Traces stay in the data directory across
/// restarts.
#[derive(Debug, Parser)]
#[command(
    name = "xray-local",
    version,
    propagate_version = true,
    max_term_width = 100
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the X-Ray API for any SDK or tool that takes an endpoint URL
    Serve(Serve),
    /// Serve the APIs of a SAM template, and the X-Ray API
    StartApi(StartApi),
    /// Serve Lambda's Invoke API for the functions of a SAM template
    StartLambda(StartLambda),
    /// Invoke one function of a SAM template
    ///
    /// Prints the response to stdout and the function's log to stderr. Exits with 1 if the
    /// function fails.
    Invoke(Invoke),
    /// Run a command whose traces go to the store
    ///
    /// Sets AWS_XRAY_DAEMON_ADDRESS and AWS_ENDPOINT_URL_XRAY for the command, which may be
    /// another emulator or any program with an X-Ray SDK.
    Run(Run),
    /// List the traces in the store, newest first
    Traces(Traces),
    /// Show one trace as a tree
    Trace(Trace),
    /// Check a tracing policy of the extension
    Policy(Policy),
}

#[derive(Debug, Args)]
pub(crate) struct DataOptions {
    /// The folder that holds the traces [default: xray-local in the platform's data directory]
    #[arg(
        long = "data",
        value_name = "DIR",
        env = "XRAY_LOCAL_DATA",
        global = true
    )]
    directory: Option<PathBuf>,
}

impl DataOptions {
    pub(crate) fn directory(&self) -> anyhow::Result<PathBuf> {
        let default = || {
            let platform = etcetera::base_strategy::choose_native_strategy().ok()?;
            Some(platform.data_dir().join("xray-local"))
        };
        self.directory.clone().or_else(default).context(
            "the platform's data directory is unknown; set HOME, or give a folder with --data DIR",
        )
    }
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The X-Ray API's address
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:2001")]
    pub(crate) listen: SocketAddr,
    /// A UDP address that receives SDK datagrams as the X-Ray daemon does (usually
    /// 127.0.0.1:2000)
    #[arg(long, value_name = "ADDR")]
    pub(crate) daemon: Option<SocketAddr>,
    #[command(flatten)]
    pub(crate) data: DataOptions,
}

/// The options of every command that runs functions.
#[derive(Debug, Args)]
pub(crate) struct FunctionOptions {
    /// The SAM template
    #[arg(
        short,
        long,
        visible_alias = "template-file",
        value_name = "FILE",
        default_value = "template.yaml"
    )]
    pub(crate) template: PathBuf,
    /// Values for the template's parameters
    #[arg(long, value_name = "NAME=VALUE", num_args = 1.., value_parser = NameValue::from_str)]
    pub(crate) parameter_overrides: Vec<NameValue>,
    /// A JSON file with environment variables, in the form of `sam local`:
    /// {"Function": {"NAME": "value"}, "Parameters": {"NAME": "value"}}. Parameters apply to
    /// all functions
    #[arg(short = 'n', long, value_name = "FILE")]
    pub(crate) env_vars: Option<PathBuf>,
    /// A folder that replaces a layer. LAYER is the layer's logical id or ARN
    #[arg(long = "layer", value_name = "LAYER=DIR", value_parser = NameValue::from_str)]
    pub(crate) layers: Vec<NameValue>,
    /// Cargo's target directory [default: target beside the nearest Cargo.lock]
    #[arg(long, value_name = "DIR", env = "CARGO_TARGET_DIR")]
    pub(crate) target_dir: Option<PathBuf>,
    /// The region of the functions [default: the region of the profile that has the
    /// credentials, else us-east-1]
    #[arg(long, env = "AWS_REGION", value_parser = parse_region)]
    region: Option<String>,
    /// The AWS credentials of the functions: caller (from AWS_ACCESS_KEY_ID and the other
    /// variables, else from the profile that AWS_PROFILE names, else from the profile default),
    /// none (stand-ins, which AWS rejects), or profile:NAME
    #[arg(long, value_name = "CREDENTIALS", default_value = "caller", value_parser = CredentialsChoice::from_str)]
    credentials: CredentialsChoice,
    /// The same as --credentials profile:NAME
    #[arg(long, value_name = "NAME", conflicts_with = "credentials", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    profile: Option<String>,
    /// The URL of a DynamoDB that replaces the built-in one
    #[arg(long, value_name = "URL")]
    pub(crate) dynamodb_endpoint: Option<String>,
    /// The requests that are traced if the caller does not decide
    #[arg(long, value_enum, default_value = "everything")]
    pub(crate) sampling: Sampling,
    /// Seconds after which an idle environment is shut down
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..))]
    idle_timeout: u64,
    /// Maximum number of environments of one function
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) max_concurrency: u16,
    /// Do not freeze idle environments with SIGSTOP, which disturbs a debugger
    #[arg(long)]
    pub(crate) no_freeze: bool,
    #[command(flatten)]
    pub(crate) data: DataOptions,
}

impl FunctionOptions {
    pub(crate) fn credentials(&self) -> CredentialsChoice {
        let profile = self.profile.clone().map(CredentialsChoice::Profile);
        profile.unwrap_or_else(|| self.credentials.clone())
    }

    /// The region of the functions, if `profile` is the region of the profile that has their
    /// credentials.
    pub(crate) fn region(&self, profile: Option<&str>) -> anyhow::Result<String> {
        match (&self.region, profile) {
            (Some(region), _) => Ok(region.clone()),
            (None, Some(region)) => parse_region(region).with_context(|| {
                format!("'{region}' in the profile is not a region; correct it, or give --region")
            }),
            (None, None) => Ok(DEFAULT_REGION.to_owned()),
        }
    }

    pub(crate) fn idle_timeout(&self) -> Duration {
        Duration::from_secs(self.idle_timeout)
    }
}

/// The region if neither the user nor a profile chooses one.
pub(crate) const DEFAULT_REGION: &str = "us-east-1";

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Sampling {
    /// Every request
    Everything,
    /// Lambda's default: the first request of each second, and 5 % of the others
    Lambda,
}

/// The addresses of the commands that serve functions. Each has its own default port.
#[derive(Debug, Args)]
pub(crate) struct ListenOptions {
    /// The IP address to listen on, or localhost
    #[arg(long, default_value = "127.0.0.1", value_parser = parse_host)]
    pub(crate) host: IpAddr,
    /// The X-Ray API's address
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:2001")]
    pub(crate) xray_listen: SocketAddr,
}

#[derive(Debug, Args)]
pub(crate) struct StartApi {
    /// The first API's port. Each further API uses the next one. 0 takes free ports
    #[arg(short, long, default_value_t = 3000)]
    pub(crate) port: u16,
    /// Let web pages of this origin call the APIs, such as https://app.example.com; * is every
    /// origin. Pages of this machine, and of the origins in the template's CORS, always can. Adds
    /// no CORS headers. Can be repeated
    #[arg(long = "allow-origin", value_name = "ORIGIN", value_parser = parse_origin)]
    pub(crate) allow_origins: Vec<String>,
    #[command(flatten)]
    pub(crate) listen: ListenOptions,
    #[command(flatten)]
    pub(crate) functions: FunctionOptions,
}

#[derive(Debug, Args)]
pub(crate) struct StartLambda {
    /// The port. 0 takes a free one
    #[arg(short, long, default_value_t = 3001)]
    pub(crate) port: u16,
    #[command(flatten)]
    pub(crate) listen: ListenOptions,
    #[command(flatten)]
    pub(crate) functions: FunctionOptions,
}

#[derive(Debug, Args)]
pub(crate) struct Invoke {
    /// The function's logical id, name or ARN [default: the template's only function]
    pub(crate) function: Option<String>,
    /// The event: a JSON file, or - for stdin [default: {}]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) event: Option<PathBuf>,
    /// The caller's trace header, `Root=…;Parent=…;Sampled=1`
    #[arg(long, value_name = "HEADER")]
    pub(crate) trace_header: Option<String>,
    #[command(flatten)]
    pub(crate) functions: FunctionOptions,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The command and its arguments, after --
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "COMMAND"
    )]
    pub(crate) command: Vec<std::ffi::OsString>,
    #[command(flatten)]
    pub(crate) data: DataOptions,
}

#[derive(Debug, Args)]
pub(crate) struct Traces {
    /// Maximum age of a trace: 30s, 15m, 6h, 7d
    #[arg(long, value_name = "TIME", default_value = "6h", value_parser = parse_age)]
    pub(crate) since: Duration,
    /// Maximum number of traces
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
    /// Print a JSON array of {Id, StartTime, Duration, …}, with times in epoch seconds
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) data: DataOptions,
}

#[derive(Debug, Args)]
pub(crate) struct Trace {
    /// The trace's id [default: the newest trace]
    pub(crate) id: Option<String>,
    /// Print JSON as from BatchGetTraces, but with the documents as objects
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) data: DataOptions,
}

#[derive(Debug, Args)]
pub(crate) struct Policy {
    #[command(subcommand)]
    pub(crate) command: PolicyCommand,
    #[command(flatten)]
    pub(crate) data: DataOptions,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Find the mistakes in a policy, and show what it would do
    ///
    /// Prints each mistake as FILE:LINE:COLUMN: message. Exits with 1 if there is one.
    Check(PolicyCheck),
}

#[derive(Debug, Args)]
pub(crate) struct PolicyCheck {
    /// The policy, a JSON file
    pub(crate) file: PathBuf,
    /// Also show what the policy would do to the traces in the store. Values are not shown
    #[arg(long)]
    pub(crate) traces: bool,
    /// Maximum age of a trace: 30s, 15m, 6h, 7d
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = parse_age, requires = "traces")]
    pub(crate) since: Duration,
    /// Maximum number of traces, the newest ones
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..), requires = "traces")]
    pub(crate) limit: u32,
    /// Print JSON: {File, Mode, Problems}, and with --traces {Traces, Documents, Rules, …}
    #[arg(long)]
    pub(crate) json: bool,
}

/// `NAME=VALUE`
#[derive(Debug, Clone)]
pub(crate) struct NameValue {
    pub(crate) name: String,
    pub(crate) value: String,
}

impl FromStr for NameValue {
    type Err = anyhow::Error;

    /// Splits at the first `=`, which neither a parameter's name nor an ARN contains.
    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| anyhow!("\"{text}\" has no '='; write it as NAME=VALUE"))?;
        Ok(Self {
            name: name.to_owned(),
            value: value.to_owned(),
        })
    }
}

fn parse_host(text: &str) -> anyhow::Result<IpAddr> {
    if text.eq_ignore_ascii_case("localhost") {
        return Ok(IpAddr::from([127, 0, 0, 1]));
    }
    text.parse()
        .map_err(|_| anyhow!("expected an IP address, or localhost"))
}

fn parse_region(text: &str) -> anyhow::Result<String> {
    if is_region_name(text) {
        return Ok(text.to_owned());
    }
    Err(anyhow!(
        "expected letters, digits and hyphens, such as eu-west-1"
    ))
}

/// The value of an `Origin` header (RFC 6454, 6.1), or `*`.
fn parse_origin(text: &str) -> anyhow::Result<String> {
    let is_host = |host: &str| !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ']);
    let is_origin = text
        .split_once("://")
        .is_some_and(|(scheme, host)| !scheme.is_empty() && is_host(host));
    if text == "*" || is_origin {
        return Ok(text.to_owned());
    }
    Err(anyhow!(
        "expected * or a scheme and a host without a path, such as https://app.example.com"
    ))
}

fn parse_age(text: &str) -> anyhow::Result<Duration> {
    let expected = || anyhow!("expected a number and its unit s, m, h or d, such as 15m");
    let unit = text.chars().next_back().ok_or_else(expected)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return Err(expected()),
    };
    let number: u32 = text[..text.len() - 1].parse().map_err(|_| expected())?;
    if number == 0 {
        return Err(expected());
    }
    Ok(Duration::from_secs(u64::from(number) * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_passes_claps_checks() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }

    #[test]
    fn an_origin_has_a_scheme_and_no_path() {
        for text in [
            "*",
            "https://app.example.com",
            "http://[::1]:8080",
            "https://*",
            "chrome-extension://abcdef",
        ] {
            assert_eq!(parse_origin(text).unwrap(), text);
        }
        for text in [
            "",
            "app.example.com",
            "https://",
            "https://a/",
            "https://a/b",
            "null",
        ] {
            assert!(parse_origin(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_age_has_a_unit() {
        assert_eq!(parse_age("15m").unwrap(), Duration::from_secs(900));
        for text in ["", "m", "0s", "15", "15 m", "-1h", "1é"] {
            assert!(parse_age(text).is_err(), "{text}");
        }
    }
}
