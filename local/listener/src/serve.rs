use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::Request;
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulConnection, GracefulShutdown};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower_http::timeout::TimeoutBody;
use tower_service::Service as _;

use crate::body::BodyReader;
use crate::limits::Limits;

/// Pause after a failed accept, because a lack of file descriptors lasts for a while.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Bytes of a connection's buffers, and so about the most of a request's headers. hyper's default is 400 KB, or
/// 100 MB for all connections of a listener. API Gateway accepts 10,240 bytes of headers.
const MAX_BUFFER_BYTES: usize = 64 * 1024;

/// Serves `router` over HTTP/1 on `listener`, within `limits`, until `shutdown` ends. Then
/// requests that run are answered, and connections are closed.
///
/// Each request carries the client's address as [`ConnectInfo<SocketAddr>`], and the
/// [`BodyReader`] that reads its body.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) {
    let connections = Arc::new(Semaphore::new(limits.connections));
    let reader = BodyReader::new(&limits);
    let graceful = GracefulShutdown::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let accept = async {
            let permit = Arc::clone(&connections).acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            accepted = accept => accepted,
            () = &mut shutdown => break,
        };
        let Ok((stream, client)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let router = router.clone();
        let connection = connection(stream, client, router, limits, reader.clone());
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // A broken connection is the client's to report.
            let _ = connection.await;
            drop(permit);
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

fn connection(
    stream: TcpStream,
    client: SocketAddr,
    router: Router,
    limits: Limits,
    reader: BodyReader,
) -> impl GracefulConnection<Output = hyper::Result<()>> {
    // Small responses must not wait for more data. A refusal only costs time.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |mut request: Request<Incoming>| {
        let reader = reader.with_length(request.body().size_hint().exact());
        request.extensions_mut().insert(ConnectInfo(client));
        request.extensions_mut().insert(reader);
        let with_timeout = |body| Body::new(TimeoutBody::new(limits.body_timeout, body));
        router.clone().call(request.map(with_timeout))
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(MAX_BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), service)
}
