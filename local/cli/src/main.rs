//! `xray-local`: Lambda, the X-Ray API and a trace store on one machine.

// Text goes through `message`, which escapes it, and does not panic if stderr is closed.
#![warn(clippy::print_stderr, clippy::print_stdout)]

mod arguments;
mod bind;
mod commands;
mod credentials;
mod dynamodb;
mod env_vars;
mod escape;
mod executable;
mod function_config;
mod gateway_api;
mod local_stack;
mod message;
mod store_writer;
mod terminal_log;
mod trace_store;
mod view;
mod xray_server;

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
        message::error(&with_causes(&error));
        ExitCode::FAILURE
    })
}

/// The error and its causes in one line, without the causes that the text before contains.
fn with_causes(error: &anyhow::Error) -> String {
    error
        .chain()
        .map(ToString::to_string)
        .fold(String::new(), |text, cause| match text.as_str() {
            "" => cause,
            _ if text.contains(&cause) => text,
            _ => format!("{text}: {cause}"),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_printed_once() {
        let error = anyhow::anyhow!("is a directory");
        let error = error
            .context("cannot read .: is a directory")
            .context("template");
        assert_eq!(
            with_causes(&error),
            "template: cannot read .: is a directory"
        );
    }
}
