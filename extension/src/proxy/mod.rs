//! The daemon's TCP port, for SDKs with centralized sampling: GetSamplingRules and
//! GetSamplingTargets, signed with the credentials of [`XRayApi`] and forwarded.
//!
//! AWS's daemon signs any path for anyone who can reach the port. This proxy forwards only these
//! two, and no request of a web page.

mod caller;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

use self::caller::is_foreign;
use crate::export::xray::XRayApi;
use crate::http_listener::{close, read_body, serve};

/// Forwards the requests of SDKs with centralized sampling.
#[derive(Debug)]
pub struct SamplingProxy {
    address: SocketAddr,
    api: Arc<XRayApi>,
}

/// The paths of GetSamplingRules and GetSamplingTargets (X-Ray API Reference).
const PATHS: [&str; 2] = ["/GetSamplingRules", "/SamplingTargets"];

/// The most bytes of a request. One of GetSamplingTargets has at most 25 statistics and 25 boost
/// statistics (X-Ray API Reference) of about 200 bytes each.
const MAX_REQUEST_BYTES: usize = 64 * 1024;

/// The most connections at a time. An SDK uses one or two.
const MAX_CONNECTIONS: usize = 8;

/// The longest time that X-Ray may take.
const FORWARD_TIMEOUT: Duration = Duration::from_secs(10);

/// The pause before the port is opened. `/next` is on its way then, so that the port does not
/// delay the start. Lambda starts the runtime, and with it the SDK, only after the extensions.
const PAUSE_BEFORE_BIND: Duration = Duration::from_millis(1);

impl SamplingProxy {
    /// Will listen on `address`. Nothing is opened yet.
    pub fn new(address: SocketAddr, api: Arc<XRayApi>) -> Self {
        Self { address, api }
    }

    /// Listens until the process ends. If the port is taken, SDKs use their local rules, as with
    /// Lambda's own daemon, which has no TCP port.
    pub async fn run(self) {
        sleep(PAUSE_BEFORE_BIND).await;
        let Ok(socket) = TcpListener::bind(self.address).await else {
            return;
        };
        let api = self.api;
        serve(socket, MAX_CONNECTIONS, move |request| {
            respond(request, Arc::clone(&api))
        })
        .await;
    }
}

async fn respond(request: Request<Incoming>, api: Arc<XRayApi>) -> Response<Full<Bytes>> {
    if is_foreign(&request) {
        return error(
            StatusCode::FORBIDDEN,
            "this port serves programs of its own machine, and no web page",
        );
    }
    let path = request.uri().path().to_owned();
    if !PATHS.contains(&path.as_str()) {
        return error(
            StatusCode::NOT_FOUND,
            "only /GetSamplingRules and /SamplingTargets are forwarded",
        );
    }
    if request.method() != Method::POST {
        let mut response = error(StatusCode::METHOD_NOT_ALLOWED, "use POST");
        let allow = HeaderValue::from_static("POST");
        response.headers_mut().insert(ALLOW, allow);
        return response;
    }
    let body = match read_body(request.into_body(), MAX_REQUEST_BYTES).await {
        Ok(body) => body,
        Err(status) => return close(status),
    };
    match timeout(FORWARD_TIMEOUT, api.call(&path, &body)).await {
        Ok(Ok(response)) => json(
            StatusCode::from_u16(response.status).unwrap_or(StatusCode::BAD_GATEWAY),
            response.error_type.as_deref(),
            Bytes::from(response.body),
        ),
        Ok(Err(reason)) => error(StatusCode::BAD_GATEWAY, &reason),
        Err(_) => error(StatusCode::GATEWAY_TIMEOUT, "X-Ray does not respond"),
    }
}

fn error(status: StatusCode, message: &str) -> Response<Full<Bytes>> {
    #[derive(Serialize)]
    struct ErrorBody<'a> {
        message: &'a str,
    }
    let body = serde_json::to_vec(&ErrorBody { message }).unwrap_or_default();
    json(status, None, body.into())
}

fn json(status: StatusCode, error_type: Option<&str>, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(Ok(value)) = error_type.map(HeaderValue::from_str) {
        headers.insert("x-amzn-errortype", value);
    }
    response
}
