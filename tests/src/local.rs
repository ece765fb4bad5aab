//! Runs `xray-local` as a developer does.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
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
    /// Starts `xray-local` with these arguments and the data directory `data`.
    ///
    /// # Panics
    /// If `xray-local` has not been built.
    #[must_use]
    pub fn start(data: &Path, arguments: &[&str]) -> Self {
        Self {
            process: Process::spawn("xray-local", command(data, arguments)),
        }
    }

    /// Starts `xray-local serve` on a free port.
    ///
    /// # Panics
    /// If `xray-local` has not been built.
    #[must_use]
    pub fn serve(data: &Path) -> Self {
        Self::start(data, &["serve", "--listen", "127.0.0.1:0"])
    }

    /// Starts `xray-local start-lambda` on free ports.
    ///
    /// # Panics
    /// If `xray-local` has not been built.
    #[must_use]
    pub fn start_lambda(data: &Path, template: &Template) -> Self {
        let command = "start-lambda --port 0 --xray-listen 127.0.0.1:0";
        let command: Vec<_> = command.split(' ').collect();
        let arguments = template.arguments(&command);
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        Self::start(data, &arguments)
    }

    /// Waits for the URL that `xray-local` prints for a service: `X-Ray API`, `Lambda`,
    /// `DynamoDB` or the name of an API.
    ///
    /// # Panics
    /// If it does not print the URL within [`WAIT_TIMEOUT`](crate::WAIT_TIMEOUT).
    pub async fn url(&self, service: &str) -> String {
        let printed = |line: &str| {
            let url = line.strip_prefix(service)?.trim();
            url.starts_with("http://").then(|| url.to_owned())
        };
        let described = format!("the URL of `{service}`");
        let line = self
            .process
            .wait_for_line(&described, |line| printed(line).is_some())
            .await;
        printed(&line).unwrap_or_default()
    }

    /// Stops the process with SIGTERM and waits for its end.
    ///
    /// # Panics
    /// If it has ended already, or runs for longer than [`WAIT_TIMEOUT`](crate::WAIT_TIMEOUT).
    pub async fn stop(mut self) -> ExitStatus {
        self.process.terminate();
        self.process.wait_for_exit().await
    }

    /// The output so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }
}

/// Runs `xray-local` to its end, which must be a success. Returns its stdout.
///
/// # Panics
/// If it fails, or runs for longer than [`WAIT_TIMEOUT`](crate::WAIT_TIMEOUT).
pub async fn run(data: &Path, arguments: &[&str]) -> String {
    Process::spawn("xray-local", command(data, arguments))
        .wait_for_success()
        .await
}

/// A folder with the content of the layer's zip: the extension.
///
/// # Panics
/// If the extension has not been built.
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

/// A template with a layer `XRayLayer`, which has the extension.
#[derive(Debug)]
pub struct Template {
    file: PathBuf,
    layer: TempDir,
    /// `NAME=VALUE`
    parameter: Option<String>,
}

impl Template {
    /// The template `file`, without parameters.
    ///
    /// # Panics
    /// If the extension has not been built.
    #[must_use]
    pub fn new(file: impl Into<PathBuf>) -> Self {
        Self {
            file: file.into(),
            layer: layer_folder(),
            parameter: None,
        }
    }

    /// Sets the template's parameter `name` to a path.
    #[must_use]
    pub fn with_parameter(self, name: &str, value: &Path) -> Self {
        Self {
            parameter: Some(format!("{name}={}", value.display())),
            ..self
        }
    }

    /// The folder with the content of the layer's zip.
    #[must_use]
    pub fn layer(&self) -> &Path {
        self.layer.path()
    }

    /// The arguments of `command`, followed by those for the template and its layer.
    #[must_use]
    pub fn arguments(&self, command: &[&str]) -> Vec<String> {
        let mut arguments: Vec<_> = command.iter().copied().map(str::to_owned).collect();
        let layer = format!("XRayLayer={}", self.layer.path().display());
        let template = self.file.display().to_string();
        arguments.extend(["--template".to_owned(), template]);
        arguments.extend(["--layer".to_owned(), layer]);
        if let Some(parameter) = &self.parameter {
            arguments.extend(["--parameter-overrides".to_owned(), parameter.clone()]);
        }
        arguments
    }
}

fn command(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(artifact::xray_local());
    let (subcommand, rest) = arguments.split_first().expect("a subcommand");
    command.arg(subcommand).arg("--data").arg(data).args(rest);
    // The other variables of the caller must not change the test's result.
    let inherited = ["PATH", "HOME", "CARGO_TARGET_DIR", "TMPDIR"];
    command.env_clear().env("AWS_REGION", "eu-west-1");
    // The functions of a test must not get the developer's credentials.
    command
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    command.envs(
        std::env::vars_os()
            .filter(|(name, _)| inherited.map(OsStr::new).contains(&name.as_os_str())),
    );
    command
}
