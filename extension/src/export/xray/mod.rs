//! AWS X-Ray as a sink: signed PutTraceSegments requests over kept connections.

mod connections;
mod credentials;
pub(crate) mod endpoint;
mod response;
mod sign;

use std::error::Error;
use std::fmt::Write;
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use reqwest::Client;
use serde::Serialize;
use tokio::time::{sleep_until, timeout_at};
use xray_document::limits::MAX_DOCUMENTS_PER_PUT;

use self::connections::Connections;
use self::credentials::CredentialsCache;
pub use self::credentials::{CredentialSource, Credentials};
use self::response::outcome;
use super::sink::{Outcome, SendFuture, Sink, no_response};
use crate::buffer::{Batch, BatchLimits};

/// Sends documents with PutTraceSegments, to AWS X-Ray or to another service at
/// `AWS_ENDPOINT_URL_XRAY`.
#[derive(Debug)]
pub struct XRay {
    /// The operation's URL; `None` if neither a Region nor an endpoint is known.
    url: Option<String>,
    region: String,
    credentials: CredentialsCache,
    connections: Connections,
}

/// The most bytes of documents in one request. The API's model has no such limit, but 50
/// documents of 64 KB would be too large to send over a slow link within the flush timeout
/// (docs/fidelity.md).
const MAX_BATCH_BYTES: usize = 512 * 1024;

/// The most requests in flight. The daemon sends up to eight at a time; four are enough to
/// keep the CPU of a small sandbox busy.
const MAX_REQUESTS_IN_FLIGHT: usize = 4;

/// The longest time of a request. An earlier end would send documents again that X-Ray may still
/// process; a later one would keep a request that nobody answers any more. The AWS SDK for Java
/// ends a silent request after 30 s, the one for Python after 60 s, those for Go and Rust never
/// (their default HTTP clients). The daemon ends it after 2 s and discards the documents.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The most bytes read of a response, which has a few KB even if all 50 documents are
/// unprocessed.
const MAX_RESPONSE_BYTES: usize = 256 * 1024;

/// The longest time that a request waits for a kept connection to respond before it is also
/// sent on a new connection.
const MAX_SILENCE: Duration = Duration::from_secs(1);

const NAME: &str = "X-Ray";

impl XRay {
    /// `endpoint` is a base URL. Without one, nothing is sent and the reason is logged. Requests
    /// are signed for `region`, by default `us-east-1`.
    pub fn new(
        endpoint: Option<&str>,
        region: Option<&str>,
        credentials: Option<CredentialSource>,
    ) -> Self {
        Self {
            url: endpoint
                .map(|endpoint| format!("{}/TraceSegments", endpoint.trim_end_matches('/'))),
            region: region.unwrap_or("us-east-1").to_owned(),
            credentials: CredentialsCache::new(credentials),
            connections: Connections::new(endpoint),
        }
    }

    async fn put(&self, batch: &Batch, until: Instant) -> Outcome {
        let Some(url) = &self.url else {
            return Outcome::Later(
                "the endpoint is unknown; set AWS_REGION or AWS_ENDPOINT_URL_XRAY".into(),
            );
        };
        let Ok(body) = body(batch) else {
            return Outcome::Rejected("the batch cannot be written as JSON".to_owned());
        };
        let request = PutTraceSegments { url, body, batch };
        let begun = Instant::now();
        match timeout_at(until.into(), self.send_on_kept_or_new(&request, until)).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(Failure::Other(reason) | Failure::BeforeResponse(reason))) => {
                Outcome::Later(reason.into())
            }
            Err(_) => Outcome::Later(no_response(NAME, begun.elapsed()).into()),
        }
    }

    /// Sends one request on one client.
    async fn attempt(
        &self,
        client: Client,
        put: &PutTraceSegments<'_>,
    ) -> Result<Outcome, Failure> {
        let PutTraceSegments { url, body, batch } = put;
        let credentials = self.credentials.get().await.map_err(Failure::Other)?;
        let signed =
            sign::headers(&credentials, &self.region, url, body).map_err(Failure::Other)?;
        let mut request = client.post(*url).header("content-type", sign::CONTENT_TYPE);
        for (name, value) in signed {
            request = request.header(name, value);
        }
        let mut response = request.body(body.clone()).send().await.map_err(|error| {
            // No kept connection was used, so a new client would not help.
            if error.is_connect() || error.is_builder() {
                Failure::Other(reason(error))
            } else {
                Failure::BeforeResponse(reason(error))
            }
        })?;
        let mut read = Vec::new();
        while read.len() < MAX_RESPONSE_BYTES
            && let Some(chunk) = response
                .chunk()
                .await
                .map_err(|error| Failure::Other(reason(error)))?
        {
            read.extend_from_slice(&chunk);
        }
        let error_type = response
            .headers()
            .get("x-amzn-errortype")
            .and_then(|value| value.to_str().ok());
        Ok(outcome(
            response.status().as_u16(),
            error_type,
            &read,
            batch,
        ))
    }

    /// Sends on a kept connection if the pool has one. If that connection is closed, sends
    /// again on a new one at once. If it does not respond within half of the time or
    /// [`MAX_SILENCE`], also sends on a new one, because a connection that died in a freeze
    /// never responds. X-Ray accepts the same document twice.
    async fn send_on_kept_or_new(
        &self,
        put: &PutTraceSegments<'_>,
        until: Instant,
    ) -> Result<Outcome, Failure> {
        let pooled = self
            .connections
            .pooled()
            .map_err(|error| Failure::Other(reason(error)))?;
        let first = self.attempt(pooled.client, put);
        if !pooled.may_be_stale {
            return first.await;
        }
        tokio::pin!(first);
        let wait = (until.saturating_duration_since(Instant::now()) / 2).min(MAX_SILENCE);
        let silent = tokio::select! {
            result = &mut first => match result {
                Err(Failure::BeforeResponse(_)) => false,
                result => return result,
            },
            () = sleep_until((Instant::now() + wait).into()) => true,
        };
        let fresh = self
            .connections
            .fresh()
            .map_err(|error| Failure::Other(reason(error)))?;
        let second = self.attempt(fresh, put);
        if !silent {
            return second.await;
        }
        tokio::pin!(second);
        tokio::select! {
            result = &mut first => match result {
                Ok(outcome) => Ok(outcome),
                Err(_) => second.await,
            },
            result = &mut second => match result {
                Ok(outcome) => Ok(outcome),
                Err(_) => first.await,
            },
        }
    }
}

impl Sink for XRay {
    fn name(&self) -> &'static str {
        NAME
    }

    fn limits(&self) -> BatchLimits {
        BatchLimits {
            documents: MAX_DOCUMENTS_PER_PUT,
            bytes: MAX_BATCH_BYTES,
        }
    }

    fn batches_in_flight(&self) -> usize {
        MAX_REQUESTS_IN_FLIGHT
    }

    fn timeout(&self) -> Duration {
        REQUEST_TIMEOUT
    }

    fn warm(&self) {
        self.connections.warm();
    }

    fn reconnect(&self) {
        // The first use returns the same error.
        let _ = self.connections.fresh();
    }

    fn send<'a>(&'a self, batch: &'a Batch, until: Instant) -> SendFuture<'a> {
        Box::pin(self.put(batch, until))
    }
}

/// A request, which may be sent on several connections.
struct PutTraceSegments<'a> {
    url: &'a str,
    body: Bytes,
    batch: &'a Batch,
}

/// The reason why a request has no response.
enum Failure {
    /// The connection was closed before the first byte of the response, as after a freeze.
    BeforeResponse(String),
    /// A failure that a new connection would not prevent.
    Other(String),
}

fn body(batch: &Batch) -> serde_json::Result<Bytes> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Body<'a> {
        trace_segment_documents: Vec<&'a str>,
    }
    let trace_segment_documents = batch.documents().map(|document| &*document.json).collect();
    serde_json::to_vec(&Body {
        trace_segment_documents,
    })
    .map(Bytes::from)
}

/// Describes the error and its causes, without the URL, which may contain a password.
fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = format!("cannot reach X-Ray: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}
