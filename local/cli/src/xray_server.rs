//! The X-Ray API and the daemon's UDP socket, in front of one store.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use xray_local_listener::{AllowedCallers, Limits, serve};
use xray_local_store::Store;

use crate::message::note;

/// Maximum wait for each server at the end: a client may keep its connection open.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// Both servers run until [`stop`](Self::stop).
#[derive(Debug)]
pub(crate) struct XRayServer {
    pub(crate) api: SocketAddr,
    pub(crate) daemon: Option<SocketAddr>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl XRayServer {
    /// Serves the X-Ray API on `listener`, and the daemon's socket on `daemon` if given.
    pub(crate) async fn start(
        store: Arc<Store>,
        listener: TcpListener,
        daemon: Option<SocketAddr>,
    ) -> anyhow::Result<Self> {
        let api = listener
            .local_addr()
            .context("the X-Ray API has no address")?;
        let socket = match daemon {
            Some(address) => Some(bind_daemon(address).await?),
            None => None,
        };
        let daemon = socket.as_ref().and_then(|socket| socket.local_addr().ok());
        let (stop, stopped) = watch::channel(false);
        let mut tasks = Vec::new();
        if let Some(socket) = socket {
            let stopped = stop_signal(stopped.clone());
            tasks.push(tokio::spawn(serve_daemon(socket, store.clone(), stopped)));
        }
        let router = xray_local_api::router(store, AllowedCallers::for_address(api));
        let stopped = stop_signal(stopped);
        tasks.push(tokio::spawn(serve(
            listener,
            router,
            Limits::default(),
            stopped,
        )));
        Ok(Self {
            api,
            daemon,
            stop,
            tasks,
        })
    }

    /// Stops both servers. Waits up to [`STOP_TIMEOUT`] for each.
    pub(crate) async fn stop(mut self) {
        // Fails only if all tasks have ended.
        let _ = self.stop.send(true);
        for task in self.tasks.drain(..) {
            let _ = tokio::time::timeout(STOP_TIMEOUT, task).await;
        }
    }
}

async fn bind_daemon(address: SocketAddr) -> anyhow::Result<UdpSocket> {
    UdpSocket::bind(address).await.with_context(|| {
        format!("cannot receive datagrams on {address}/udp: an X-Ray daemon may use the port; choose another with --daemon ADDR")
    })
}

async fn serve_daemon(
    socket: UdpSocket,
    store: Arc<Store>,
    stopped: impl Future<Output = ()> + Send + 'static,
) {
    let counts = xray_local_api::daemon(socket, store, |line| note(line), stopped).await;
    if counts.rejected > 0 {
        note(format_args!(
            "rejected {} of {} datagrams: not X-Ray documents",
            counts.rejected, counts.received
        ));
    }
}

async fn stop_signal(mut stopped: watch::Receiver<bool>) {
    // An error means that the sender was dropped, which is a stop too.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}
