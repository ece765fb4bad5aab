use std::time::SystemTime;

use hyper::body::Bytes;
use reqwest::Client;

use super::clock::Clock;
use super::credentials::Credentials;
use super::endpoint::Service;
use super::network_error::reason;
use super::response::error_name;
use super::sign::{self, Scope};

/// A POST request to a service of AWS.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) service: Service,
    pub(super) region: &'a str,
    pub(super) url: &'a str,
    pub(super) content_type: &'static str,
    pub(super) body: &'a Bytes,
}

/// A response, read completely.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// The header `x-amzn-errortype`.
    pub(crate) error_type: Option<String>,
    /// The header `retry-after`.
    pub(crate) retry_after: Option<String>,
    pub(crate) body: Vec<u8>,
    /// True if the request was signed with a wrong time. The clock is now correct.
    pub(super) clock_was_wrong: bool,
}

/// The reason why a request has no response.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The connection was closed before the first byte of the response, as after a freeze.
    BeforeResponse(String),
    /// A failure that a new connection would not prevent.
    Other(String),
}

/// The most bytes read of a response. PutTraceSegments responds with a few KB even if all 50
/// documents are unprocessed, and a page of sampling rules has less than 100 KB.
const MAX_RESPONSE_BYTES: usize = 256 * 1024;

impl Request<'_> {
    /// Signs the request and sends it with this client.
    ///
    /// # Errors
    /// There is no complete response.
    pub(super) async fn send(
        self,
        client: &Client,
        credentials: &Credentials,
        clock: &Clock,
    ) -> Result<Response, Failure> {
        let name = match self.service {
            Service::XRay => "X-Ray",
            Service::Sts => "STS",
        };
        let scope = Scope {
            service: self.service.name(),
            region: self.region,
            time: clock.now(),
        };
        let signed = sign::headers(credentials, scope, self.url, self.content_type, self.body)
            .map_err(Failure::Other)?;
        let mut request = client
            .post(self.url)
            .header("content-type", self.content_type);
        for (name, value) in signed {
            request = request.header(name, value);
        }
        let sent = SystemTime::now();
        let mut response = request
            .body(self.body.clone())
            .send()
            .await
            .map_err(|error| {
                // No kept connection was used, so a new client would not help.
                if error.is_connect() || error.is_builder() {
                    Failure::Other(reason(name, error))
                } else {
                    Failure::BeforeResponse(reason(name, error))
                }
            })?;
        let header = |name| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
        let clock_was_wrong =
            header("date").is_some_and(|date: String| clock.learn(&date, sent, SystemTime::now()));
        let (status, error_type) = (response.status().as_u16(), header("x-amzn-errortype"));
        let retry_after = header("retry-after");
        let mut body = Vec::new();
        while body.len() < MAX_RESPONSE_BYTES
            && let Some(chunk) = response
                .chunk()
                .await
                .map_err(|error| Failure::Other(reason(name, error)))?
        {
            body.extend_from_slice(&chunk);
        }
        Ok(Response {
            status,
            error_type,
            retry_after,
            body,
            clock_was_wrong,
        })
    }
}

impl Response {
    /// Returns true if AWS did not accept the time of the request.
    pub(super) fn rejects_time(&self) -> bool {
        self.clock_was_wrong && (400..500).contains(&self.status)
    }

    /// Returns true if AWS does not accept the credentials any more.
    pub(super) fn rejects_credentials(&self) -> bool {
        // `ExpiredToken` and `InvalidClientTokenId` are of STS; the others of services with JSON
        // (IAM User Guide, troubleshooting; X-Ray API Reference, common errors).
        const NAMES: [&str; 6] = [
            "ExpiredToken",
            "ExpiredTokenException",
            "InvalidClientTokenId",
            "InvalidToken",
            "InvalidTokenException",
            "UnrecognizedClientException",
        ];
        (400..500).contains(&self.status)
            && NAMES.contains(&error_name(self.error_type.as_deref(), &self.body).as_str())
    }
}
