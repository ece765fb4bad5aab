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
mod policy_effect;
mod store_writer;
mod terminal_log;
mod trace_store;
mod view;
mod xray_server;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};

/// Bytes of the stack of each thread of the async runtime. DynamoDB reads nested expressions by
/// recursion, and the nesting that DynamoDB allows in 4 KB overflows Tokio's default of 2 MiB.
/// The system gives memory only to the part that is used.
const THREAD_STACK_BYTES: usize = 64 * 1024 * 1024;

fn main() -> ExitCode {
    xray_local_sandbox::supervise_if_asked();
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(THREAD_STACK_BYTES)
        .build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(run(arguments.command)),
        Err(error) => Err(anyhow::Error::new(error).context("cannot start the async runtime")),
    };
    result.unwrap_or_else(|error| {
        message::error(&with_causes(&error));
        ExitCode::FAILURE
    })
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(serve) => commands::serve(serve).await,
        Command::StartApi(start) => commands::start_api(start).await,
        Command::StartLambda(start) => commands::start_lambda(start).await,
        Command::Invoke(invoke) => commands::invoke(invoke).await,
        Command::Run(run) => commands::run(run).await,
        Command::Traces(traces) => commands::traces(&traces),
        Command::Trace(trace) => commands::trace(&trace),
        Command::Policy(policy) => commands::policy(&policy),
    }
}

/// The error and its causes in one line, without the causes that the text before contains.
fn with_causes(error: &anyhow::Error) -> String {
    error
        .chain()
        .map(message::of_error)
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
