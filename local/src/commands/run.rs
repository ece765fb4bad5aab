use std::process::ExitCode;

use anyhow::Context;
use tokio::process::Command;

use crate::arguments::Run;
use crate::desk::{XRay, credentials, loopback, open};

/// `xray-local run -- COMMAND`
pub(crate) async fn run(arguments: Run) -> anyhow::Result<ExitCode> {
    let (program, rest) = arguments
        .command
        .split_first()
        .context("no command after --")?;
    let store = open(&arguments.data)?;
    let server = XRay::start(store, loopback(), Some(loopback())).await?;
    let mut command = Command::new(program);
    command.args(rest).envs(credentials());
    command.env("AWS_ENDPOINT_URL_XRAY", format!("http://{}", server.api));
    if let Some(daemon) = server.daemon {
        command.env("AWS_XRAY_DAEMON_ADDRESS", daemon.to_string());
    }
    if std::env::var_os("AWS_REGION").is_none() {
        command.env("AWS_REGION", "us-east-1");
    }
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot run {}", program.to_string_lossy()))?;
    // Ctrl-C reaches the command too, which is the terminal's foreground group: it decides.
    let status = loop {
        tokio::select! {
            status = child.wait() => break status?,
            signal = super::interrupted() => signal?,
        }
    };
    server.stop().await;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or(1)))
}
