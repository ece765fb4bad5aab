use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use super::{announce, announce_desk, interrupted};
use crate::arguments::StartLambda;
use crate::desk::{Desk, bind, guarded};

/// `xray-local start-lambda`
pub(crate) async fn start_lambda(arguments: StartLambda) -> anyhow::Result<ExitCode> {
    let desk = Desk::start(&arguments.functions, arguments.listen.xray_listen).await?;
    let listener = bind(
        SocketAddr::new(arguments.listen.host, arguments.port),
        "Lambda's Invoke API",
        "--port",
    )
    .await?;
    let address = listener.local_addr()?;
    announce_desk(&desk, &arguments.functions.data.directory()?);
    announce("Lambda", &format!("http://{address}"));
    for function in desk.sandbox.functions() {
        announce("", &function.name);
    }
    let router = xray_local_gateway::lambda_router(Arc::new(desk.sandbox.clone()));
    let router = guarded(router, address);
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            eprintln!("xray-local: the Invoke API stopped: {error}");
        }
    });
    eprintln!("Ctrl-C stops.");
    interrupted().await?;
    desk.stop().await;
    Ok(ExitCode::SUCCESS)
}
