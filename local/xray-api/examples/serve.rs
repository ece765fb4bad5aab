//! Serves the X-Ray API alone: `cargo run -p xray-local-api --example serve -- [ADDRESS [DIRECTORY]]`.
//! Without a directory, it keeps the traces in memory.

use std::path::Path;
use std::sync::Arc;

use xray_local_store::Store;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments
        .next()
        .unwrap_or_else(|| "127.0.0.1:2001".to_owned());
    let store = match arguments.next() {
        Some(directory) => Store::open(Path::new(&directory))?,
        None => Store::in_memory()?,
    };
    let listener = tokio::net::TcpListener::bind(&address).await?;
    println!("http://{}", listener.local_addr()?);
    axum::serve(listener, xray_local_api::loopback_router(Arc::new(store))).await?;
    Ok(())
}
