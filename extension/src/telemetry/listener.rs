use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::platform_event::PlatformEvent;

/// The HTTP server that Lambda posts platform events to.
///
/// It responds with 200 to every request. After any other status Lambda would send the same
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
        tokio::spawn(async move {
            loop {
                match self.socket.accept().await {
                    Ok((stream, _)) => {
                        let batches = batches.clone();
                        tokio::spawn(async move {
                            let service = service_fn(|request| receive(request, &batches));
                            let server = hyper::server::conn::http1::Builder::new();
                            // After an error Lambda opens a new connection.
                            let _ = server.serve_connection(TokioIo::new(stream), service).await;
                        });
                    }
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                }
            }
        });
        receiver
    }
}

async fn receive(
    request: Request<Incoming>,
    batches: &Sender<Vec<PlatformEvent>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = Limited::new(request.into_body(), MAX_BATCH_BYTES)
        .collect()
        .await;
    let events = body
        .map(|body| PlatformEvent::parse_batch(&body.to_bytes()))
        .unwrap_or_default();
    // Fails only if the extension is about to exit.
    let _ = batches.send(events).await;
    Ok(Response::new(Full::new(Bytes::new())))
}
