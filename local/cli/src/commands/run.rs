use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus};

use anyhow::Context;
use tokio::process::{Child, Command};

use super::signals::interrupted;
use crate::arguments::{DEFAULT_REGION, Run};
use crate::bind::{any_loopback_port, bind_free_port};
use crate::credentials::{Caller, variables_for_command};
use crate::message::error as print_error;
use crate::trace_store::open_store;
use crate::xray_server::XRayServer;

/// The exit code that a shell uses for a command that it cannot run.
const NOT_FOUND: u8 = 127;

/// `xray-local run -- COMMAND`
pub(crate) async fn run(arguments: Run) -> anyhow::Result<ExitCode> {
    let (program, rest) = arguments
        .command
        .split_first()
        .context("no command after --")?;
    let store = open_store(&arguments.data)?;
    let listener = bind_free_port().await?;
    let server = XRayServer::start(store, listener, Some(any_loopback_port())).await?;
    let mut command = Command::new(program);
    command.args(rest);
    set_environment(&mut command, server.api, server.daemon);
    let child = command
        .spawn()
        .with_context(|| format!("cannot run {}", program.to_string_lossy()));
    let mut child = match child {
        Ok(child) => child,
        Err(error) => {
            print_error(&format!("{error:#}"));
            server.stop().await;
            return Ok(ExitCode::from(NOT_FOUND));
        }
    };
    let status = wait(&mut child).await?;
    server.stop().await;
    Ok(exit_code(status))
}

fn set_environment(command: &mut Command, api: SocketAddr, daemon: Option<SocketAddr>) {
    command.envs(variables_for_command(&Caller::of_process()));
    command.env("AWS_ENDPOINT_URL_XRAY", format!("http://{api}"));
    if let Some(daemon) = daemon {
        command.env("AWS_XRAY_DAEMON_ADDRESS", daemon.to_string());
    }
    if std::env::var_os("AWS_REGION").is_none() {
        command.env("AWS_REGION", DEFAULT_REGION);
    }
}

/// Waits for the command's end. Ctrl-C reaches the command too, because it is in the
/// terminal's foreground group, and the command decides whether to end.
async fn wait(child: &mut Child) -> anyhow::Result<ExitStatus> {
    loop {
        tokio::select! {
            status = child.wait() => return Ok(status?),
            signal = interrupted() => signal?,
        }
    }
}

/// The command's own code, or 128 and the signal's number as a shell reports it.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| Some(128 + status.signal()?));
    let code = code.and_then(|code| u8::try_from(code).ok());
    ExitCode::from(code.unwrap_or(1))
}
