use std::future::pending;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use xray_local_gateway::{ApiGateway, reject_foreign_callers};
use xray_local_listener::{AllowedCallers, Limits};
use xray_local_template::Api;

use super::output::{announce, announce_stack};
use super::signals::interrupted;
use crate::arguments::StartApi;
use crate::bind::bind;
use crate::gateway_api::gateway_api;
use crate::local_stack::LocalStack;
use crate::message::say;

/// `xray-local start-api`
pub(crate) async fn start_api(arguments: StartApi) -> anyhow::Result<ExitCode> {
    let stack = LocalStack::start(&arguments.functions, arguments.listen.xray_listen).await?;
    if stack.template.apis.is_empty() {
        bail!(
            "{} has no API; give a function an event of type Api or HttpApi, or use `xray-local invoke`",
            arguments.functions.template.display()
        );
    }
    announce_stack(&stack, &arguments.functions.data.directory()?);
    let mut port = arguments.port;
    for api in &stack.template.apis {
        let address = SocketAddr::new(arguments.listen.host, port);
        serve(&stack, api, address, &arguments.allow_origins).await?;
        // Port 0 takes a free port for each API.
        port = if port == 0 { 0 } else { port.saturating_add(1) };
    }
    say("Ctrl-C stops.");
    interrupted().await?;
    stack.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// Serves one API until the program ends.
async fn serve(
    stack: &LocalStack,
    api: &Api,
    address: SocketAddr,
    allow_origins: &[String],
) -> anyhow::Result<()> {
    let cors_origins = cors_origins(api);
    let api = gateway_api(&stack.template, api, &stack.context);
    let name = api.name.clone();
    let shown: Vec<_> = api
        .routes
        .iter()
        .map(|route| format!("{:<6} {:<24} {}", route.method, route.path, route.function))
        .collect();
    let gateway = ApiGateway::new(
        api,
        Arc::new(stack.sandbox.clone()),
        stack.store_writer.clone(),
        stack.log.clone(),
    )?;
    let listener = bind(address, &format!("API {name}"), "--port").await?;
    let address = listener.local_addr()?;
    announce(&name, &format!("http://{address}"));
    for route in shown {
        announce("", &route);
    }
    if !cors_origins.is_empty() {
        let origins = cors_origins.join(", ");
        announce(
            "",
            &format!("CORS of the template: open to pages of {origins}"),
        );
    }
    let allowed = AllowedCallers::for_address(address)
        .with_origins(cors_origins)
        .with_origins(allow_origins.iter().cloned());
    let router = reject_foreign_callers(gateway.router(), allowed);
    tokio::spawn(xray_local_listener::serve(
        listener,
        router,
        Limits::default(),
        pending(),
    ));
    Ok(())
}

/// The origins that the template's CORS allows. The one value of a REST API may be a list.
fn cors_origins(api: &Api) -> Vec<String> {
    let cors = api.cors.iter();
    let values = cors.flat_map(|cors| &cors.allow_origins);
    let origins = values.flat_map(|value| value.split(','));
    origins.map(|origin| origin.trim().to_owned()).collect()
}
