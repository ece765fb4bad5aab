use std::future::pending;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use xray_local_gateway::{lambda_router, reject_foreign_lambda_callers};
use xray_local_listener::{AllowedCallers, Limits, serve};

use super::output::{announce, announce_stack};
use super::signals::interrupted;
use crate::arguments::StartLambda;
use crate::bind::bind;
use crate::local_stack::LocalStack;
use crate::message::say;

/// `xray-local start-lambda`
pub(crate) async fn start_lambda(arguments: StartLambda) -> anyhow::Result<ExitCode> {
    let stack = LocalStack::start(&arguments.functions, arguments.listen.xray_listen).await?;
    let listener = bind(
        SocketAddr::new(arguments.listen.host, arguments.port),
        "Lambda's Invoke API",
        "--port",
    )
    .await?;
    let address = listener.local_addr()?;
    announce_stack(&stack, &arguments.functions.data.directory()?);
    announce("Lambda", &format!("http://{address}"));
    for function in stack.sandbox.functions() {
        announce("", &function.name);
    }
    let router = lambda_router(Arc::new(stack.sandbox.clone()));
    let router = reject_foreign_lambda_callers(router, AllowedCallers::for_address(address));
    tokio::spawn(serve(listener, router, Limits::default(), pending()));
    say("Ctrl-C stops.");
    interrupted().await?;
    stack.stop().await;
    Ok(ExitCode::SUCCESS)
}
