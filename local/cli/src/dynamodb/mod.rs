//! DynamoDB: an emulator in this process, or another endpoint.

mod connection;
mod create_tables;
mod guard;

use std::future::pending;

use anyhow::Context;
use xray_local_listener::{Limits, serve};

use crate::bind::bind_free_port;
pub(crate) use create_tables::create_tables;

/// Starts DynamoDB in this process, in memory, on a free loopback port. Returns its URL.
pub(crate) async fn start() -> anyhow::Result<String> {
    let database = dynoxide::Database::memory()
        .map_err(|error| anyhow::anyhow!("cannot start DynamoDB in this process: {error}"))?;
    let listener = bind_free_port().await.context("DynamoDB")?;
    let address = listener.local_addr().context("DynamoDB has no address")?;
    let router = guard::router(database);
    tokio::spawn(serve(listener, router, Limits::default(), pending()));
    Ok(format!("http://{address}"))
}
