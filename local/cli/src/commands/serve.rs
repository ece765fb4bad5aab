use std::process::ExitCode;

use super::{announce, interrupted};
use crate::arguments::Serve;
use crate::desk::{XRay, open};

/// `xray-local serve`
pub(crate) async fn serve(arguments: Serve) -> anyhow::Result<ExitCode> {
    let store = open(&arguments.data)?;
    let server = XRay::start(store, arguments.listen, "--listen", arguments.daemon).await?;
    announce("X-Ray API", &format!("http://{}", server.api));
    if let Some(daemon) = server.daemon {
        announce("X-Ray daemon", &format!("{daemon}/udp"));
    }
    announce("Traces", &arguments.data.directory()?.display().to_string());
    interrupted().await?;
    server.stop().await;
    Ok(ExitCode::SUCCESS)
}
