use std::io;
use std::net::Ipv4Addr;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::platform_event::PlatformEvent;
use crate::http_listener::{close, read_body, serve};

/// The HTTP server that Lambda posts platform events to.
///
/// It responds with 200 to every complete request. After any other status Lambda would send the same
/// batch again, and an event that cannot be read now can never be read.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: TcpListener,
    port: u16,
}

/// The most bytes read of a batch. A batch may have 2 × `maxBytes`, here 512 KiB, plus metadata
/// (Lambda Developer Guide, Telemetry API, buffering).
const MAX_BATCH_BYTES: usize = 1024 * 1024;
/// The most batches that wait to be handled. Lambda's next request waits until one is.
const MAX_QUEUED_BATCHES: usize = 16;

/// The most connections at a time. Lambda uses one.
const MAX_CONNECTIONS: usize = 4;

impl Listener {
    /// Listens on a free port, on loopback or on every interface of the sandbox.
    ///
    /// # Errors
    /// No port is free.
    pub(crate) async fn bind(loopback: bool) -> io::Result<Self> {
        let host = if loopback {
            Ipv4Addr::LOCALHOST
        } else {
            Ipv4Addr::UNSPECIFIED
        };
        let socket = TcpListener::bind((host, 0)).await?;
        let port = socket.local_addr()?.port();
        Ok(Self { socket, port })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Serves until the process ends. Returns the batches of events.
    pub(crate) fn serve(self) -> Receiver<Vec<PlatformEvent>> {
        let (batches, receiver) = channel(MAX_QUEUED_BATCHES);
        tokio::spawn(serve(self.socket, MAX_CONNECTIONS, move |request| {
            receive(request, batches.clone())
        }));
        receiver
    }
}

async fn receive(
    request: Request<Incoming>,
    batches: Sender<Vec<PlatformEvent>>,
) -> Response<Full<Bytes>> {
    let events = match read_body(request.into_body(), MAX_BATCH_BYTES).await {
        // Lambda sends an unfinished batch again, on a new connection.
        Err(StatusCode::REQUEST_TIMEOUT) => return close(StatusCode::REQUEST_TIMEOUT),
        Err(_) => Vec::new(),
        Ok(body) => PlatformEvent::parse_batch(&body),
    };
    // Fails only if the extension is about to exit.
    let _ = batches.send(events).await;
    Response::new(Full::new(Bytes::new()))
}
