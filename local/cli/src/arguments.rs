//! The command line. Where SAM has a word for something, it is SAM's.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::{Args, Parser, Subcommand, ValueEnum};
use etcetera::BaseStrategy;

/// Lambda, the X-Ray API and a trace store on one machine.
///
/// Everything listens on loopback unless told otherwise, and traces are kept in the data
/// directory across restarts.
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
    /// Serve the X-Ray API, for any SDK's `--endpoint-url`
    Serve(Serve),
    /// Serve the APIs of a SAM template, and the X-Ray API beside them
    StartApi(StartApi),
    /// Serve Lambda's Invoke API for the functions of a SAM template
    StartLambda(StartLambda),
    /// Invoke one function of a SAM template
    ///
    /// The response is printed on stdout, the function's log on stderr. Exits with 1 when the
    /// function fails.
    Invoke(Invoke),
    /// Run a command with the X-Ray API and daemon in its environment
    ///
    /// Gives another emulator, or any program with an X-Ray SDK, AWS_XRAY_DAEMON_ADDRESS and
    /// AWS_ENDPOINT_URL_XRAY of this machine, and its traces to this store.
    Run(Run),
    /// List the traces in the store, newest first
    Traces(Traces),
    /// Show one trace as a tree
    Trace(Trace),
}

#[derive(Debug, Args)]
pub(crate) struct Data {
    /// Where traces are kept [default: xray-local in the platform's data directory]
    #[arg(long = "data", value_name = "DIR", env = "XRAY_LOCAL_DATA")]
    directory: Option<PathBuf>,
}

impl Data {
    pub(crate) fn directory(&self) -> anyhow::Result<PathBuf> {
        let default = || {
            let platform = etcetera::base_strategy::choose_native_strategy().ok()?;
            Some(platform.data_dir().join("xray-local"))
        };
        self.directory
            .clone()
            .or_else(default)
            .context("this machine has no data directory (is HOME set?): name one with --data DIR")
    }
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Where the X-Ray API listens
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:2001")]
    pub(crate) listen: SocketAddr,
    /// Take SDK datagrams too, as the X-Ray daemon does, on this UDP address (usually
    /// 127.0.0.1:2000)
    #[arg(long, value_name = "ADDR")]
    pub(crate) daemon: Option<SocketAddr>,
    #[command(flatten)]
    pub(crate) data: Data,
}

/// What the commands that run functions share.
#[derive(Debug, Args)]
pub(crate) struct Functions {
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
    #[arg(long, value_name = "NAME=VALUE", num_args = 1.., value_parser = Pair::from_str)]
    pub(crate) parameter_overrides: Vec<Pair>,
    /// Environment variables for functions: a JSON file as `sam local` takes it,
    /// {"Function": {"NAME": "value"}, "Parameters": {"NAME": "value"}}
    #[arg(short = 'n', long, value_name = "FILE")]
    pub(crate) env_vars: Option<PathBuf>,
    /// The folder that stands in for a layer: its logical id, or its ARN
    #[arg(long = "layer", value_name = "LAYER=DIR", value_parser = Pair::from_str)]
    pub(crate) layers: Vec<Pair>,
    /// Where cargo builds [default: target beside the nearest Cargo.lock]
    #[arg(long, value_name = "DIR", env = "CARGO_TARGET_DIR")]
    pub(crate) target_dir: Option<PathBuf>,
    /// The region that functions see
    #[arg(long, env = "AWS_REGION", default_value = "us-east-1", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub(crate) region: String,
    /// A DynamoDB to use instead of the one in this process
    #[arg(long, value_name = "URL")]
    pub(crate) dynamodb_endpoint: Option<String>,
    /// Which requests are traced where the caller has not decided
    #[arg(long, value_enum, default_value = "everything")]
    pub(crate) sampling: Sampling,
    /// Seconds after which an idle environment is shut down
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..))]
    idle_timeout: u64,
    /// Environments that one function may have at once
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) max_concurrency: u16,
    /// Do not stop idle environments with SIGSTOP (a debugger dislikes it)
    #[arg(long)]
    pub(crate) no_freeze: bool,
    #[command(flatten)]
    pub(crate) data: Data,
}

impl Functions {
    pub(crate) fn idle_timeout(&self) -> Duration {
        Duration::from_secs(self.idle_timeout)
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Sampling {
    /// Every request: it is a desk
    Everything,
    /// As Lambda: the first request of each second, and 5 % of the rest
    Lambda,
}

/// Where the commands that serve functions listen, their own port aside.
#[derive(Debug, Args)]
pub(crate) struct Listen {
    /// The address that is listened on
    #[arg(long, default_value = "127.0.0.1", value_parser = host)]
    pub(crate) host: IpAddr,
    /// Where the X-Ray API listens
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:2001")]
    pub(crate) xray_listen: SocketAddr,
}

#[derive(Debug, Args)]
pub(crate) struct StartApi {
    /// The first API's port; further ones follow. 0 takes free ones
    #[arg(short, long, default_value_t = 3000)]
    pub(crate) port: u16,
    #[command(flatten)]
    pub(crate) listen: Listen,
    #[command(flatten)]
    pub(crate) functions: Functions,
}

#[derive(Debug, Args)]
pub(crate) struct StartLambda {
    /// The port; 0 takes a free one
    #[arg(short, long, default_value_t = 3001)]
    pub(crate) port: u16,
    #[command(flatten)]
    pub(crate) listen: Listen,
    #[command(flatten)]
    pub(crate) functions: Functions,
}

#[derive(Debug, Args)]
pub(crate) struct Invoke {
    /// The function's logical id or name; may be left out where the template has only one
    pub(crate) function: Option<String>,
    /// The event: a JSON file, or - for stdin [default: {}]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) event: Option<PathBuf>,
    /// The caller's trace header, `Root=…;Parent=…;Sampled=1`
    #[arg(long, value_name = "HEADER")]
    pub(crate) trace_header: Option<String>,
    #[command(flatten)]
    pub(crate) functions: Functions,
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
    pub(crate) data: Data,
}

#[derive(Debug, Args)]
pub(crate) struct Traces {
    /// How far back: 30s, 15m, 6h, 7d
    #[arg(long, value_name = "TIME", default_value = "6h", value_parser = since)]
    pub(crate) since: Duration,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
    /// For machines: an array of {Id, StartTime, Duration, …}, times in epoch seconds
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) data: Data,
}

#[derive(Debug, Args)]
pub(crate) struct Trace {
    /// The trace's id [default: the newest trace]
    pub(crate) id: Option<String>,
    /// For machines: as BatchGetTraces gives it, the documents as objects
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) data: Data,
}

/// `NAME=VALUE`
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    pub(crate) name: String,
    pub(crate) value: String,
}

impl FromStr for Pair {
    type Err = anyhow::Error;

    /// An ARN holds no `=`, so the first one is the separator.
    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| anyhow!("there is no = in \"{text}\""))?;
        Ok(Self {
            name: name.to_owned(),
            value: value.to_owned(),
        })
    }
}

fn host(text: &str) -> anyhow::Result<IpAddr> {
    if text.eq_ignore_ascii_case("localhost") {
        return Ok(IpAddr::from([127, 0, 0, 1]));
    }
    text.parse()
        .map_err(|_| anyhow!("expected an IP address, or localhost"))
}

fn since(text: &str) -> anyhow::Result<Duration> {
    let expected = || anyhow!("expected a number with s, m, h or d, such as 15m");
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
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_time_has_a_unit() {
        assert_eq!(since("15m").unwrap(), Duration::from_secs(900));
        for text in ["", "m", "0s", "15", "15 m", "-1h", "1é"] {
            assert!(since(text).is_err(), "{text}");
        }
    }
}
