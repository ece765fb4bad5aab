use std::os::unix::process::ExitStatusExt;
use std::process::ExitCode;

use anyhow::Context;
use tokio::process::Command;

use crate::arguments::Run;
use crate::desk::{XRay, credentials, loopback, open};

/// What a shell says of a command that it cannot run.
const NOT_FOUND: u8 = 127;

/// `xray-local run -- COMMAND`
pub(crate) async fn run(arguments: Run) -> anyhow::Result<ExitCode> {
    let (program, rest) = arguments
        .command
        .split_first()
        .context("no command after --")?;
    let store = open(&arguments.data)?;
    let server = XRay::start(store, loopback(), "", Some(loopback())).await?;
    let mut command = Command::new(program);
    command.args(rest).envs(credentials());
    command.env("AWS_ENDPOINT_URL_XRAY", format!("http://{}", server.api));
    if let Some(daemon) = server.daemon {
        command.env("AWS_XRAY_DAEMON_ADDRESS", daemon.to_string());
    }
    if std::env::var_os("AWS_REGION").is_none() {
        command.env("AWS_REGION", "us-east-1");
    }
    let child = command
        .spawn()
        .with_context(|| format!("cannot run {}", program.to_string_lossy()));
    let mut child = match child {
        Ok(child) => child,
        Err(error) => {
            eprintln!("xray-local: {error:#}");
            server.stop().await;
            return Ok(ExitCode::from(NOT_FOUND));
        }
    };
    // Ctrl-C reaches the command too, which is the terminal's foreground group: it decides.
    let status = loop {
        tokio::select! {
            status = child.wait() => break status?,
            signal = super::interrupted() => signal?,
        }
    };
    server.stop().await;
    let code = status.code().or_else(|| Some(128 + status.signal()?));
    let code = code.and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or(1)))
}
