use std::error::Error;
use std::fmt::Write;
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use reqwest::Client;
use serde::Serialize;
use tokio::time::{sleep_until, timeout_at};

use super::answer::outcome;
use super::client::Connections;
use super::credentials::Wallet;
use super::{Outcome, Sink, no_answer, sign};
use crate::Config;
use crate::batch::Pending;

/// AWS X-Ray's PutTraceSegments, or whatever speaks it at `AWS_ENDPOINT_URL_XRAY`.
#[derive(Debug)]
pub struct XRay {
    /// `None` where neither a region nor an endpoint is known.
    url: Option<String>,
    region: String,
    wallet: Wallet,
    connections: Connections,
}

/// An answer to 50 documents is a few KB even when all are unprocessed.
const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// How long a kept connection is waited for before a new one is tried beside it.
const LONGEST_SILENCE: Duration = Duration::from_secs(1);

impl XRay {
    pub fn new(config: &Config) -> Self {
        let endpoint = config.endpoint.as_deref();
        Self {
            url: endpoint
                .map(|endpoint| format!("{}/TraceSegments", endpoint.trim_end_matches('/'))),
            region: config
                .region
                .clone()
                .unwrap_or_else(|| "us-east-1".to_owned()),
            wallet: Wallet::new(config.credentials.clone()),
            connections: Connections::new(endpoint),
        }
    }

    /// One request on one client.
    async fn attempt(&self, client: Client, url: &str, body: Bytes) -> Result<Outcome, Failure> {
        let credentials = self.wallet.credentials().await.map_err(Failure::Local)?;
        let signed =
            sign::headers(&credentials, &self.region, url, &body).map_err(Failure::Local)?;
        let mut request = client.post(url).header("content-type", sign::CONTENT_TYPE);
        for (name, value) in signed {
            request = request.header(name, value);
        }
        let mut answer = request.body(body).send().await.map_err(|error| {
            // A new connection that cannot be made says nothing of old ones.
            if error.is_connect() || error.is_builder() {
                Failure::Local(reason(error))
            } else {
                Failure::BeforeAnswer(reason(error))
            }
        })?;
        let mut read = Vec::new();
        while read.len() < MAX_ANSWER_BYTES
            && let Some(chunk) = answer
                .chunk()
                .await
                .map_err(|error| Failure::Local(reason(error)))?
        {
            read.extend_from_slice(&chunk);
        }
        let error_type = answer
            .headers()
            .get("x-amzn-errortype")
            .and_then(|value| value.to_str().ok());
        Ok(outcome(answer.status().as_u16(), error_type, &read))
    }

    /// Sends on a kept connection where there is one. If that proves dead, at once on a
    /// new one; if it is only silent, on a new one beside it after half the time or after
    /// [`LONGEST_SILENCE`], since a connection that died in a freeze without a word is silent for ever. Sending twice
    /// is safe.
    async fn send_by_any(
        &self,
        url: &str,
        body: Bytes,
        until: Instant,
    ) -> Result<Outcome, Failure> {
        let lent = self
            .connections
            .lend()
            .map_err(|error| Failure::Local(reason(error)))?;
        let first = self.attempt(lent.client, url, body.clone());
        if !lent.maybe_stale {
            return first.await;
        }
        tokio::pin!(first);
        let patience = (until.saturating_duration_since(Instant::now()) / 2).min(LONGEST_SILENCE);
        let silent = tokio::select! {
            result = &mut first => match result {
                Err(Failure::BeforeAnswer(_)) => false,
                result => return result,
            },
            () = sleep_until((Instant::now() + patience).into()) => true,
        };
        let fresh = self
            .connections
            .lend_fresh()
            .map_err(|error| Failure::Local(reason(error)))?;
        let second = self.attempt(fresh, url, body);
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
    fn warm(&self) {
        self.connections.warm();
    }

    async fn send(&self, batch: &[Pending], until: Instant) -> Outcome {
        let Some(url) = &self.url else {
            return Outcome::Later(
                "no region: neither AWS_REGION nor AWS_ENDPOINT_URL_XRAY is set".to_owned(),
            );
        };
        let Ok(body) = body(batch) else {
            return Outcome::Refused("a batch that cannot be written as JSON".to_owned());
        };
        let begun = Instant::now();
        match timeout_at(until.into(), self.send_by_any(url, body, until)).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(Failure::Local(reason) | Failure::BeforeAnswer(reason))) => {
                Outcome::Later(reason)
            }
            Err(_) => Outcome::Later(no_answer(begun.elapsed())),
        }
    }
}

enum Failure {
    /// The connection ended before a byte of an answer, as one does that died in a freeze.
    BeforeAnswer(String),
    /// Anything that another connection would not mend.
    Local(String),
}

fn body(batch: &[Pending]) -> serde_json::Result<Bytes> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct PutTraceSegments<'a> {
        trace_segment_documents: Vec<&'a str>,
    }
    let trace_segment_documents = batch.iter().map(|document| &*document.json).collect();
    serde_json::to_vec(&PutTraceSegments {
        trace_segment_documents,
    })
    .map(Bytes::from)
}

/// The error and its causes, without the URL, which may hold a password.
fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = format!("X-Ray cannot be reached: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}
