//! `xray-local` as a developer runs it.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitStatus};

use tempfile::TempDir;

use crate::artifact;
use crate::process::Process;

/// A running `xray-local`.
#[derive(Debug)]
pub struct XrayLocal {
    process: Process,
}

impl XrayLocal {
    /// Starts `xray-local` with these arguments, and its traces in `data`.
    #[must_use]
    pub fn start(data: &Path, arguments: &[&str]) -> Self {
        Self {
            process: Process::spawn("xray-local", command(data, arguments)),
        }
    }

    /// `xray-local serve` on a free port.
    #[must_use]
    pub fn serve(data: &Path) -> Self {
        Self::start(data, &["serve", "--listen", "127.0.0.1:0"])
    }

    /// The URL that it printed for `what` at its start: `X-Ray API`, `Lambda`,
    /// `DynamoDB` or an API's name.
    pub async fn url(&self, what: &str) -> String {
        let printed = |line: &str| {
            let url = line.strip_prefix(what)?.trim();
            url.starts_with("http://").then(|| url.to_owned())
        };
        let described = format!("where `{what}` is");
        let line = self
            .process
            .wait_for_line(&described, |line| printed(line).is_some())
            .await;
        printed(&line).unwrap_or_default()
    }

    /// Ends it as Ctrl-C does, and waits for that.
    pub async fn stop(mut self) -> ExitStatus {
        self.process.terminate();
        self.process.wait_for_exit().await
    }

    /// What it has said so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }
}

/// Runs `xray-local` to its end, which must be a success: what it wrote to stdout.
pub async fn run(data: &Path, arguments: &[&str]) -> String {
    Process::spawn("xray-local", command(data, arguments))
        .wait_for_success()
        .await
}

/// A folder as the layer's zip unpacks into `/opt`: with the extension.
///
/// # Panics
/// Where the extension has not been built.
#[must_use]
pub fn layer_folder() -> TempDir {
    let layer = tempfile::tempdir().expect("a temporary folder");
    let extensions = layer.path().join("extensions");
    let copied = fs::create_dir(&extensions).and_then(|()| {
        fs::copy(
            artifact::extension(),
            extensions.join("xray-lambda-extension"),
        )
    });
    copied.expect("the extension can be copied");
    layer
}

fn command(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(artifact::xray_local());
    let (subcommand, rest) = arguments.split_first().expect("a subcommand");
    command.arg(subcommand).arg("--data").arg(data).args(rest);
    // A tool's environment is the caller's; a test's is the same on every machine.
    let inherited = ["PATH", "HOME", "CARGO_TARGET_DIR", "TMPDIR"];
    command.env_clear().env("AWS_REGION", "eu-west-1");
    command.envs(
        std::env::vars_os()
            .filter(|(name, _)| inherited.map(OsStr::new).contains(&name.as_os_str())),
    );
    command
}
