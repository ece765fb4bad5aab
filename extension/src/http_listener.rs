//! The limits of this program's HTTP servers, which any process in the sandbox can reach.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// The longest wait for the headers of a request. An idle connection is closed after it, and
/// the client opens a new one.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest wait for a whole body, which arrives over loopback.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// The pause after a failed accept. Without it, a permanent error would use all CPU time.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Serves until the process ends, at most `max_connections` at a time. Without that limit, a
/// process in the sandbox could take the function's memory with half-sent requests.
pub(crate) async fn serve<R, F>(socket: TcpListener, max_connections: usize, respond: R)
where
    R: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let connections = Arc::new(Semaphore::new(max_connections));
    loop {
        let permit = Arc::clone(&connections).acquire_owned().await;
        match socket.accept().await {
            Ok((stream, _)) => {
                let respond = respond.clone();
                tokio::spawn(async move {
                    serve_connection(stream, respond).await;
                    drop(permit);
                });
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn serve_connection<R, F>(stream: TcpStream, respond: R)
where
    R: Fn(Request<Incoming>) -> F,
    F: Future<Output = Response<Full<Bytes>>>,
{
    let service = service_fn(|request| {
        let response = respond(request);
        async { Ok::<_, Infallible>(response.await) }
    });
    // After an error the client opens a new connection.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// Reads a whole body of at most `max_bytes`.
///
/// # Errors
/// 408 if it takes too long, 413 if it is too large, and 400 if the client stopped sending.
pub(crate) async fn read_body(body: Incoming, max_bytes: usize) -> Result<Bytes, StatusCode> {
    let body = timeout(BODY_TIMEOUT, Limited::new(body, max_bytes).collect()).await;
    match body {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(StatusCode::PAYLOAD_TOO_LARGE),
        Ok(Err(_)) => Err(StatusCode::BAD_REQUEST),
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
    }
}

/// A response without a body, after which the connection is closed: the rest of the request
/// may still arrive on it.
pub(crate) fn close(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = status;
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(CONNECTION, close);
    response
}
