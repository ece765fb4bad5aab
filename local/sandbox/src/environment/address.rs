//! The address of an environment's APIs.

use std::io;
use std::net::Ipv4Addr;

use tokio::net::TcpListener;

/// The port of the Runtime API in Lambda. Extensions that find it in `AWS_LAMBDA_RUNTIME_API`
/// behave as in Lambda's sandbox, where they may listen on every interface.
const LAMBDA_PORT: u16 = 9001;

/// Listens on a random port of a random loopback address, which only this environment's
/// processes learn. Linux answers on all of 127.0.0.0/8; elsewhere the address is 127.0.0.1.
///
/// # Errors
/// The machine has no free port.
pub(super) async fn listen() -> io::Result<TcpListener> {
    loop {
        let listener = match TcpListener::bind((random_loopback(), 0)).await {
            Ok(listener) => listener,
            Err(_) => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?,
        };
        if listener.local_addr()?.port() != LAMBDA_PORT {
            return Ok(listener);
        }
    }
}

/// An address from 127.1.0.1 to 127.254.255.254. Linux distributions use some of 127.0.0.0/16
/// for services of their own.
fn random_loopback() -> Ipv4Addr {
    // The first 32 bits of a version 4 UUID are random.
    let [a, b, c, ..] = *uuid::Uuid::new_v4().as_bytes();
    Ipv4Addr::new(127, a.clamp(1, 254), b, c.clamp(1, 254))
}
