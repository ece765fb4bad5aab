use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use xray_local_gateway::ApiGateway;
use xray_local_template::{Route, Template};

use super::{announce, announce_desk, interrupted};
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
        let routes = routes(&desk.template, &api.logical_id);
        let name = api.name.clone();
        let shown: Vec<_> = routes
            .iter()
            .map(|(route, function)| format!("{:<6} {:<24} {function}", route.method, route.path))
            .collect();
        let gateway = ApiGateway::new(
            api.clone(),
            routes,
            &desk.names,
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

fn routes(template: &Template, api: &str) -> Vec<(Route, String)> {
    let of = |function: &xray_local_template::Function| {
        let name = function.name.clone();
        let own = function
            .routes
            .clone()
            .into_iter()
            .filter(|route| route.api == api);
        own.map(move |route| (route, name.clone()))
            .collect::<Vec<_>>()
    };
    template.functions.iter().flat_map(of).collect()
}
