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

/// The HTTP server that the platform posts its events to.
///
/// It answers 200 whatever came, since Lambda sends a batch again after any other
/// answer, and what was not understood once will not be the next time.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: TcpListener,
    port: u16,
}

/// Twice the buffering that is asked for, and room for metadata (Lambda Developer
/// Guide, Telemetry API, buffering: batches may be up to 2 × maxBytes and metadata).
const MAX_BATCH_BYTES: usize = 1024 * 1024;
/// Batches that wait to be read. Beyond, the platform waits for its answer.
const QUEUE: usize = 16;
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

impl Listener {
    /// Listens on a free port, on loopback or on every interface of the sandbox.
    ///
    /// # Errors
    /// No port could be had.
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

    /// Serves for as long as the process lives.
    pub(crate) fn serve(self) -> Receiver<Vec<PlatformEvent>> {
        let (batches, receiver) = channel(QUEUE);
        tokio::spawn(async move {
            loop {
                match self.socket.accept().await {
                    Ok((stream, _)) => {
                        let batches = batches.clone();
                        tokio::spawn(async move {
                            let service = service_fn(|request| receive(request, &batches));
                            let server = hyper::server::conn::http1::Builder::new();
                            // A broken connection is the platform's to open again.
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
    // Nobody listens any more: the extension is ending.
    let _ = batches.send(events).await;
    Ok(Response::new(Full::new(Bytes::new())))
}
