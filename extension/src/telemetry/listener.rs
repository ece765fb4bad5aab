use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::timeout;

use super::platform_event::PlatformEvent;

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

/// The most connections at a time. Lambda uses one; more would let a process in the sandbox
/// take the function's memory with half-sent batches.
const MAX_CONNECTIONS: usize = 4;
/// The longest wait for the headers of a request. An idle connection is closed after it, and
/// Lambda opens a new one.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest wait for a whole batch, which arrives over loopback.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// The pause after a failed accept. Without it, a permanent error would use all CPU time.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

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
        let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        tokio::spawn(async move {
            loop {
                let permit = Arc::clone(&connections).acquire_owned().await;
                match self.socket.accept().await {
                    Ok((stream, _)) => {
                        let batches = batches.clone();
                        tokio::spawn(async move {
                            serve_connection(stream, &batches).await;
                            drop(permit);
                        });
                    }
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                }
            }
        });
        receiver
    }
}

async fn serve_connection(stream: TcpStream, batches: &Sender<Vec<PlatformEvent>>) {
    let service = service_fn(|request| receive(request, batches));
    // After an error Lambda opens a new connection.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn receive(
    request: Request<Incoming>,
    batches: &Sender<Vec<PlatformEvent>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = Limited::new(request.into_body(), MAX_BATCH_BYTES).collect();
    let Ok(body) = timeout(BODY_TIMEOUT, body).await else {
        // Lambda sends an unfinished batch again, on a new connection.
        let mut response = Response::new(Full::new(Bytes::new()));
        *response.status_mut() = StatusCode::REQUEST_TIMEOUT;
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
        return Ok(response);
    };
    let events = body
        .map(|body| PlatformEvent::parse_batch(&body.to_bytes()))
        .unwrap_or_default();
    // Fails only if the extension is about to exit.
    let _ = batches.send(events).await;
    Ok(Response::new(Full::new(Bytes::new())))
}
