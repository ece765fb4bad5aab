//! The addresses that servers listen on.

use std::net::SocketAddr;

use anyhow::Context;
use tokio::net::TcpListener;

/// A loopback address whose port the system chooses.
pub(crate) fn free_loopback_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// Listens on a loopback port that the system chooses.
pub(crate) async fn bind_free_port() -> anyhow::Result<TcpListener> {
    TcpListener::bind(free_loopback_port())
        .await
        .context("no free port on 127.0.0.1")
}

/// Listens on `address` for `server`.
///
/// # Errors
///
/// The address is taken or not of this machine. The error names `flag`, which chooses another.
pub(crate) async fn bind(
    address: SocketAddr,
    server: &str,
    flag: &str,
) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address} for {server}: another program may use the port; choose another with {flag} (port 0 takes a free one)")
    })
}
