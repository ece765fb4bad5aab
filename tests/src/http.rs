//! An HTTP client for single requests, without connection pool and TLS.

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{HeaderMap, Method, Request};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use xray_document::{TRACE_HEADER, TraceHeader};

use crate::WAIT_TIMEOUT;

/// An HTTP response with its whole body.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Response {
    /// The trace id in the header `X-Amzn-Trace-Id`.
    ///
    /// # Panics
    /// If the header has no `Root`.
    #[must_use]
    pub fn trace_id(&self) -> String {
        let header = self
            .headers
            .get(TRACE_HEADER)
            .and_then(|value| value.to_str().ok());
        let root = header.and_then(|header| TraceHeader::parse(header).root);
        root.unwrap_or_else(|| panic!("no trace id in {self:?}"))
            .to_string()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is not JSON.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| {
            panic!("{error} in the response {}: {}", self.status, self.body)
        })
    }
}

/// Sends a request to `http://HOST:PORT/…`.
///
/// # Panics
/// If no response arrives within [`WAIT_TIMEOUT`].
pub async fn send(method: Method, url: &str, headers: &[(&str, &str)], body: &str) -> Response {
    match tokio::time::timeout(WAIT_TIMEOUT, exchange(method, url, headers, body)).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => panic!("{url}: {error}"),
        Err(_) => panic!("{url} does not respond"),
    }
}

/// Sends a POST request, as [`send`] does.
pub async fn post(url: &str, headers: &[(&str, &str)], body: &str) -> Response {
    send(Method::POST, url, headers, body).await
}

/// Sends a GET request, as [`send`] does.
pub async fn get(url: &str) -> Response {
    send(Method::GET, url, &[], "").await
}

/// Waits until a server listens at `HOST:PORT`.
///
/// # Panics
/// If none does within [`WAIT_TIMEOUT`].
pub async fn wait_until_listening(address: &str) {
    let connect = async {
        while TcpStream::connect(address).await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    let connected = tokio::time::timeout(WAIT_TIMEOUT, connect).await;
    assert!(connected.is_ok(), "nothing listens at {address}");
}

async fn exchange(
    method: Method,
    url: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Response, Box<dyn std::error::Error>> {
    let rest = url
        .strip_prefix("http://")
        .ok_or("the URL must begin with http://")?;
    let (address, path) = rest.split_once('/').unwrap_or((rest, ""));
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let mut request = Request::builder()
        .method(method)
        .uri(format!("/{path}"))
        .header("Host", address);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(Bytes::from(body.to_owned())))?;
    let response = sender.send_request(request).await?;
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let body = response.into_body().collect().await?.to_bytes();
    connection.abort();
    Ok(Response {
        status,
        headers,
        body: String::from_utf8(body.to_vec())?,
    })
}
