use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use xray_local_gateway::ApiGateway;

use super::{announce, announce_desk, interrupted};
use crate::api::gateway_api;
use crate::arguments::StartApi;
use crate::desk::{Desk, bind, guarded};

/// `xray-local start-api`
pub(crate) async fn start_api(arguments: StartApi) -> anyhow::Result<ExitCode> {
    let desk = Desk::start(&arguments.functions, arguments.listen.xray_listen).await?;
    if desk.template.apis.is_empty() {
        bail!(
            "{} has no API: give a function an event of type Api or HttpApi, or use `xray-local invoke`",
            arguments.functions.template.display()
        );
    }
    announce_desk(&desk, &arguments.functions.data.directory()?);

    let mut port = arguments.port;
    for api in &desk.template.apis {
        let names = &desk.names;
        let api = gateway_api(&desk.template, api, &names.region, &names.account_id);
        let name = api.name.clone();
        let shown: Vec<_> = api
            .routes
            .iter()
            .map(|route| format!("{:<6} {:<24} {}", route.method, route.path, route.function))
            .collect();
        let gateway = ApiGateway::new(
            api,
            Arc::new(desk.sandbox.clone()),
            desk.recorder.clone(),
            desk.terminal.clone(),
        )?;
        let listener = bind(
            SocketAddr::new(arguments.listen.host, port),
            &format!("API {name}"),
            "--port",
        )
        .await?;
        let address = listener.local_addr()?;
        announce(&name, &format!("http://{address}"));
        for route in shown {
            announce("", &route);
        }
        let router = guarded(gateway.router(), address);
        tokio::spawn(async move {
            let service = router.into_make_service_with_connect_info::<SocketAddr>();
            if let Err(error) = axum::serve(listener, service).await {
                eprintln!("xray-local: API {name} stopped: {error}");
            }
        });
        port = if port == 0 { 0 } else { port.saturating_add(1) };
    }
    eprintln!("Ctrl-C stops.");
    interrupted().await?;
    desk.stop().await;
    Ok(ExitCode::SUCCESS)
}
