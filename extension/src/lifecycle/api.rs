use std::fmt;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{HOST, HeaderMap, HeaderValue};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpStream;

use super::event::Event;

/// A client of the Extensions API and of the Telemetry API's subscription, over one kept
/// connection. Requests have no timeout, because `/next` may last for hours in a freeze.
#[derive(Debug)]
pub struct ExtensionsApi {
    /// `host:port`.
    authority: String,
    /// A path before the API's path; the emulator of cargo-lambda has one.
    prefix: String,
    connection: Option<SendRequest<Full<Bytes>>>,
    /// From the response to `register`; every later request needs it.
    identifier: Option<HeaderValue>,
}

const REGISTER: &str = "/2020-01-01/extension/register";
const NEXT: &str = "/2020-01-01/extension/event/next";
/// The path is the same for every schema version (Lambda Developer Guide, Telemetry API).
const TELEMETRY: &str = "/2022-07-01/telemetry";

impl ExtensionsApi {
    /// Creates a client for an address as in `AWS_LAMBDA_RUNTIME_API`: `host:port`, or a URL with
    /// a path. Connects with the first request.
    pub fn new(address: &str) -> Self {
        let address = address.strip_prefix("http://").unwrap_or(address);
        let (authority, prefix) = match address.split_once('/') {
            Some((authority, path)) if !path.trim_matches('/').is_empty() => {
                (authority, format!("/{}", path.trim_matches('/')))
            }
            Some((authority, _)) => (authority, String::new()),
            None => (address, String::new()),
        };
        Self {
            authority: authority.to_owned(),
            prefix,
            connection: None,
            identifier: None,
        }
    }

    /// The host of the API, without the port.
    pub(crate) fn host(&self) -> &str {
        self.authority
            .rsplit_once(':')
            .map_or(self.authority.as_str(), |(host, _)| host)
    }

    /// The port of the API; `None` if the address has none.
    pub(crate) fn port(&self) -> Option<u16> {
        self.authority.rsplit_once(':')?.1.parse().ok()
    }

    /// Registers the extension for SHUTDOWN, and with `invoke` for INVOKE too. `name` must be
    /// the name of the program's file.
    ///
    /// # Errors
    /// Lambda did not register the extension. If it forbids INVOKE, a second call without
    /// `invoke` succeeds.
    pub async fn register(&mut self, name: &str, invoke: bool) -> Result<(), ApiError> {
        let name = HeaderValue::from_str(name).map_err(|_| ApiError::InvalidName)?;
        let body = if invoke {
            r#"{"events":["INVOKE","SHUTDOWN"]}"#
        } else {
            r#"{"events":["SHUTDOWN"]}"#
        };
        // Lambda does not require the content type, but some emulators do.
        let json = HeaderValue::from_static("application/json");
        let headers = [("lambda-extension-name", name), ("content-type", json)];
        let response = self
            .call(
                Method::POST,
                REGISTER,
                &headers,
                Bytes::from_static(body.as_bytes()),
            )
            .await?;
        let response = response.into_success()?;
        self.identifier = response.headers.get("lambda-extension-identifier").cloned();
        Ok(())
    }

    /// Subscribes to platform events in a version of the schema, which Lambda posts to
    /// `listener_port`. Something must listen there already. Returns the response's status: only
    /// after 200 will events arrive.
    ///
    /// # Errors
    /// The Runtime API cannot be reached.
    pub(crate) async fn subscribe(
        &mut self,
        schema: &str,
        listener_port: u16,
    ) -> Result<u16, ApiError> {
        // 25 ms, 1,000 events and 256 KB are the smallest values that Lambda allows (Lambda
        // Developer Guide, Telemetry API reference).
        let body = format!(
            r#"{{"schemaVersion":"{schema}","types":["platform"],"buffering":{{"maxItems":1000,"maxBytes":262144,"timeoutMs":25}},"destination":{{"protocol":"HTTP","URI":"http://sandbox.localdomain:{listener_port}/"}}}}"#
        );
        let headers = [("content-type", HeaderValue::from_static("application/json"))];
        let response = self
            .call(Method::PUT, TELEMETRY, &headers, Bytes::from(body))
            .await?;
        Ok(response.status.as_u16())
    }

    /// Reports to Lambda that this extension is done with the last event, and waits for the
    /// next one. Returns `None` if the response is not an event.
    ///
    /// # Errors
    /// The Runtime API cannot be reached, or responds with an error; see
    /// [`ApiError::is_final`].
    pub(super) async fn next(&mut self) -> Result<Option<Event>, ApiError> {
        let response = self.call(Method::GET, NEXT, &[], Bytes::new()).await?;
        Ok(Event::parse(&response.into_success()?.body))
    }

    async fn call(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&'static str, HeaderValue)],
        body: Bytes,
    ) -> Result<Response, ApiError> {
        // A kept connection may have died in a freeze. If so, a new one is tried.
        if let Some(connection) = self.connection.take()
            && let Ok(response) = self
                .send(connection, &method, path, headers, body.clone())
                .await
        {
            return Ok(response);
        }
        let stream = TcpStream::connect(&self.authority)
            .await
            .map_err(ApiError::Connect)?;
        let _ = stream.set_nodelay(true);
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        self.send(sender, &method, path, headers, body).await
    }

    async fn send(
        &mut self,
        mut connection: SendRequest<Full<Bytes>>,
        method: &Method,
        path: &str,
        headers: &[(&'static str, HeaderValue)],
        body: Bytes,
    ) -> Result<Response, ApiError> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.prefix))
            .header(HOST, &self.authority);
        if let Some(identifier) = &self.identifier {
            request = request.header("lambda-extension-identifier", identifier);
        }
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let request = request
            .body(Full::new(body))
            .map_err(ApiError::InvalidAddress)?;
        connection.ready().await?;
        let (head, body) = connection.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        self.connection = Some(connection);
        Ok(Response {
            status: head.status,
            headers: head.headers,
            body,
        })
    }
}

struct Response {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Response {
    fn into_success(self) -> Result<Self, ApiError> {
        if self.status.is_success() {
            return Ok(self);
        }
        #[derive(Deserialize, Default)]
        #[serde(rename_all = "camelCase", default)]
        struct ErrorBody {
            error_type: String,
        }
        let body: ErrorBody = serde_json::from_slice(&self.body).unwrap_or_default();
        Err(ApiError::ErrorResponse {
            status: self.status.as_u16(),
            error_type: body.error_type,
        })
    }
}

/// An error of a request to the Extensions API.
#[derive(Debug)]
pub enum ApiError {
    /// No connection could be opened.
    Connect(std::io::Error),
    /// The connection failed before the end of the response.
    Connection(hyper::Error),
    /// The extension's name is not a valid header value.
    InvalidName,
    /// The address of the Runtime API is not valid in a request.
    InvalidAddress(hyper::http::Error),
    /// Lambda responded with an error.
    ErrorResponse {
        /// The response's status.
        status: u16,
        /// The response's `errorType`; empty if it has none.
        error_type: String,
    },
}

impl ApiError {
    /// Returns whether Lambda forbids registering for INVOKE, as on Managed Instances.
    pub(super) fn forbids_invoke(&self) -> bool {
        matches!(self, Self::ErrorResponse { error_type, .. } if error_type == "Extension.InvalidEventType")
    }

    /// Returns whether the same request would fail again. After 403 Lambda does not know this
    /// extension, and after 500 the extension must exit (Lambda Developer Guide, Extensions API
    /// reference). 429 and 502 to 504 are from a proxy and may be temporary.
    pub(super) fn is_final(&self) -> bool {
        match self {
            Self::ErrorResponse { status, .. } => !matches!(status, 429 | 502..=504),
            Self::InvalidName | Self::InvalidAddress(_) => true,
            Self::Connect(_) | Self::Connection(_) => false,
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => write!(f, "cannot connect to the Runtime API: {error}"),
            Self::Connection(error) => {
                write!(f, "the connection to the Runtime API failed: {error}")
            }
            Self::InvalidName => f.write_str(
                "the extension's file name is not a valid header value; rename the file",
            ),
            Self::InvalidAddress(error) => {
                write!(f, "AWS_LAMBDA_RUNTIME_API is not a valid address: {error}")
            }
            Self::ErrorResponse { status, error_type } => {
                write!(f, "the Extensions API responded with {status} {error_type}")
            }
        }
    }
}

impl std::error::Error for ApiError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Connect(error) => Some(error),
            Self::Connection(error) => Some(error),
            Self::InvalidAddress(error) => Some(error),
            Self::InvalidName | Self::ErrorResponse { .. } => None,
        }
    }
}

impl From<hyper::Error> for ApiError {
    fn from(error: hyper::Error) -> Self {
        Self::Connection(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_a_url_with_a_path() {
        let parts = |text| {
            let api = ExtensionsApi::new(text);
            (api.authority, api.prefix)
        };
        assert_eq!(
            parts("127.0.0.1:9001"),
            ("127.0.0.1:9001".to_owned(), String::new())
        );
        assert_eq!(
            parts("http://127.0.0.1:9001/.rt"),
            ("127.0.0.1:9001".to_owned(), "/.rt".to_owned())
        );
        assert_eq!(
            parts("http://127.0.0.1:9001/"),
            ("127.0.0.1:9001".to_owned(), String::new())
        );
    }
}
