use std::process::ExitCode;

use super::output::announce;
use super::signals::interrupted;
use crate::arguments::Serve;
use crate::bind::bind;
use crate::trace_store::open_store;
use crate::xray_server::XRayServer;

/// `xray-local serve`
pub(crate) async fn serve(arguments: Serve) -> anyhow::Result<ExitCode> {
    let store = open_store(&arguments.data)?;
    let listener = bind(arguments.listen, "the X-Ray API", "--listen").await?;
    let server = XRayServer::start(store, listener, arguments.daemon).await?;
    announce("X-Ray API", &format!("http://{}", server.api));
    if let Some(daemon) = server.daemon {
        announce("X-Ray daemon", &format!("{daemon}/udp"));
    }
    announce("Traces", &arguments.data.directory()?.display().to_string());
    interrupted().await?;
    server.stop().await;
    Ok(ExitCode::SUCCESS)
}
