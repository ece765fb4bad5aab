//! The addresses that servers listen on.

use std::net::SocketAddr;

use anyhow::Context;
use tokio::net::TcpListener;

/// 127.0.0.1 with port 0: the system chooses a free port when a socket binds it.
pub(crate) fn any_loopback_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// Listens on a loopback port that the system chooses.
pub(crate) async fn bind_free_port() -> anyhow::Result<TcpListener> {
    TcpListener::bind(any_loopback_port())
        .await
        .context("no free port on 127.0.0.1")
}

/// Listens on `address` for `server`.
///
/// # Errors
///
/// The address is in use or not of this machine. The error names `flag`, which chooses another.
pub(crate) async fn bind(
    address: SocketAddr,
    server: &str,
    flag: &str,
) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address} for {server}; if the port is in use, choose another one with {flag} (port 0: any free port)")
    })
}
