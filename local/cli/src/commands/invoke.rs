use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use xray_document::{Sampled, TraceHeader};
use xray_local_lambda_rules::{FunctionName, MAX_REQUEST_BYTES};
use xray_local_sandbox::{Invocation, InvokeError, InvokeOutcome};
use xray_local_template::{StackContext, Template};

use super::output::print_response;
use super::signals::interrupted;
use crate::arguments::Invoke;
use crate::bind::any_loopback_port;
use crate::local_stack::LocalStack;
use crate::message::say;

/// The exit code that a shell reports for a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// `xray-local invoke`
pub(crate) async fn invoke(arguments: Invoke) -> anyhow::Result<ExitCode> {
    let payload = read_event(arguments.event.as_deref())?;
    let stack = LocalStack::start(&arguments.functions, any_loopback_port()).await?;
    let function = choose_function(
        &stack.template,
        &stack.context,
        arguments.function.as_deref(),
    )?;
    let invocation = Invocation {
        payload: payload.into(),
        trace_header: arguments
            .trace_header
            .as_deref()
            .map(parse_trace_header)
            .transpose()?,
        client_context: None,
    };
    let result = tokio::select! {
        result = stack.sandbox.invoke(&function, invocation) => Some(result),
        interrupted = interrupted() => {
            interrupted?;
            None
        }
    };
    let data = arguments.functions.data.directory()?;
    stack.stop().await;
    match result {
        None => Ok(ExitCode::from(INTERRUPTED)),
        Some(Ok(outcome)) => {
            print_outcome(&outcome, &data)?;
            Ok(ExitCode::from(u8::from(outcome.function_error.is_some())))
        }
        Some(Err(InvokeError::CannotStart(reason))) => bail!(reason),
        Some(Err(InvokeError::RequestTooLarge(bytes))) => {
            bail!(
                "the event has {bytes} bytes; Lambda accepts at most {MAX_REQUEST_BYTES} bytes (6 MB)"
            )
        }
        Some(Err(error)) => bail!("{error:?}"),
    }
}

/// Prints the response to stdout, and to stderr the command that shows the trace.
fn print_outcome(outcome: &InvokeOutcome, data: &Path) -> std::io::Result<()> {
    print_response(&outcome.payload)?;
    match (outcome.trace_header.root, outcome.trace_header.sampled) {
        (Some(root), Sampled::Yes) => {
            say(format_args!(
                "xray-local trace {root} --data {}",
                data.display()
            ));
        }
        (_, Sampled::No) => say("not traced: the caller's header says Sampled=0"),
        _ => say("not traced: the function's Tracing is PassThrough, not Active"),
    }
    Ok(())
}

fn parse_trace_header(text: &str) -> anyhow::Result<TraceHeader> {
    let header = TraceHeader::parse(text);
    if header.root.is_none() {
        bail!(
            "--trace-header \"{text}\" has no trace id; write it as Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
        );
    }
    Ok(header)
}

fn read_event(file: Option<&Path>) -> anyhow::Result<Vec<u8>> {
    let Some(file) = file else {
        return Ok(b"{}".to_vec());
    };
    let (event, name) = if file == Path::new("-") {
        let mut event = Vec::new();
        std::io::stdin()
            .read_to_end(&mut event)
            .context("cannot read the event from stdin")?;
        (event, "stdin".to_owned())
    } else {
        let name = file.display().to_string();
        let event =
            std::fs::read(file).with_context(|| format!("cannot read the event from {name}"))?;
        (event, name)
    };
    let _: serde::de::IgnoredAny = serde_json::from_slice(&event)
        .with_context(|| format!("the event from {name} is not JSON"))?;
    Ok(event)
}

/// The function to invoke: the one with this logical id, name or ARN, with its qualifier if any,
/// or the only function.
fn choose_function(
    template: &Template,
    context: &StackContext,
    wanted: Option<&str>,
) -> anyhow::Result<String> {
    let known = || {
        let ids: Vec<_> = template
            .functions
            .iter()
            .map(|function| function.logical_id.as_str())
            .collect();
        ids.join(", ")
    };
    match (wanted, template.functions.as_slice()) {
        (None, [only]) => Ok(only.name.clone()),
        (None, []) => bail!("the template has no function"),
        (None, _) => bail!(
            "the template has several functions; name one of {}",
            known()
        ),
        (Some(wanted), functions) => {
            let name = FunctionName::parse(wanted);
            let is_named = |known: &str| {
                name.is_some_and(|name| name.matches(&context.region, &context.account_id, known))
            };
            let function = functions
                .iter()
                .find(|function| is_named(&function.logical_id) || is_named(&function.name));
            let (function, name) = function.zip(name).with_context(|| {
                format!("the template has no function {wanted}; it has {}", known())
            })?;
            let name = FunctionName {
                name: &function.name,
                ..name
            };
            Ok(name.qualified_name())
        }
    }
}
