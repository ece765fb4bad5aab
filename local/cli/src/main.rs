//! `xray-local`: Lambda, the X-Ray API and a trace store on one machine.

mod api;
mod arguments;
mod commands;
mod desk;
mod dynamodb;
mod executable;
mod function;
mod log;
mod recorder;
mod view;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Command::Serve(serve) => commands::serve(serve).await,
        Command::StartApi(start) => commands::start_api(start).await,
        Command::StartLambda(start) => commands::start_lambda(start).await,
        Command::Invoke(invoke) => commands::invoke(invoke).await,
        Command::Run(run) => commands::run(run).await,
        Command::Traces(traces) => commands::traces(&traces),
        Command::Trace(trace) => commands::trace(&trace),
    };
    result.unwrap_or_else(|error| {
        eprintln!("xray-local: {}", sentence(&error));
        ExitCode::FAILURE
    })
}

/// The error and its causes in one line; a cause that is told already is left out.
fn sentence(error: &anyhow::Error) -> String {
    error
        .chain()
        .map(ToString::to_string)
        .fold(String::new(), |told, cause| match told.as_str() {
            "" => cause,
            _ if told.contains(&cause) => told,
            _ => format!("{told}: {cause}"),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let error = anyhow::anyhow!("is a directory");
        let error = error
            .context("cannot read .: is a directory")
            .context("template");
        assert_eq!(sentence(&error), "template: cannot read .: is a directory");
    }
}
