//! One file a command.

mod invoke;
mod run;
mod serve;
mod start_api;
mod start_lambda;
mod trace;
mod traces;

pub(crate) use invoke::invoke;
pub(crate) use run::run;
pub(crate) use serve::serve;
pub(crate) use start_api::start_api;
pub(crate) use start_lambda::start_lambda;
pub(crate) use trace::trace;
pub(crate) use traces::traces;

use std::io::Write;
use std::path::Path;

use crate::desk::Desk;

/// Returns at Ctrl-C or SIGTERM.
async fn interrupted() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupt = tokio::signal::ctrl_c() => interrupt?,
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// Writes to stdout; a reader that has seen enough (`| head`) is no error.
fn print(text: &str) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    let written = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// What stands behind every command that serves functions.
fn announce_desk(desk: &Desk, data: &Path) {
    announce("X-Ray API", &format!("http://{}", desk.xray));
    if let Some(dynamodb) = &desk.dynamodb {
        announce("DynamoDB", dynamodb);
    }
    announce("Traces", &data.display().to_string());
}

/// One aligned line of the start's summary, on stderr.
fn announce(what: &str, where_: &str) {
    eprintln!("{what:<12} {where_}");
}
