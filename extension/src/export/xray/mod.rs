//! AWS X-Ray as a sink: signed PutTraceSegments requests over kept connections.

mod api;
mod assume_role;
mod ca_bundle;
mod clock;
mod connections;
mod container;
mod credentials;
pub(crate) mod endpoint;
mod latency;
mod network_error;
mod request;
mod response;
mod sign;
mod telemetry_records;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use hyper::body::Bytes;
use reqwest::Client;
use tokio::time::{sleep, sleep_until, timeout, timeout_at};
use xray_document::limits::MAX_DOCUMENTS_PER_PUT;
use xray_document::write_json_string;

pub use self::api::{XRayApi, XRaySettings};
pub use self::assume_role::Role;
pub use self::ca_bundle::CaBundle;
pub use self::container::ContainerEndpoint;
pub use self::credentials::{CredentialSources, Credentials};
use self::latency::Latency;
use self::request::Failure;
use self::response::{outcome, retry_after};
use self::telemetry_records::{RequestError, TelemetryRecords};
use super::sink::{Outcome, SendFuture, Sink, no_response};
use crate::buffer::{Batch, BatchLimits, Counts};
use crate::log::debug;

/// Sends documents with PutTraceSegments, to AWS X-Ray or to another service at
/// `AWS_ENDPOINT_URL_XRAY`.
#[derive(Debug)]
pub struct XRay {
    api: Arc<XRayApi>,
    latency: Latency,
    telemetry_records: TelemetryRecords,
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

/// The time that a kept connection may take to respond before the request is also sent on a new
/// connection. It is longer if X-Ray's last responses took longer.
const SILENCE: Duration = Duration::from_secs(1);

/// The time after a limit in which an answer that has already arrived is read. The limit may have
/// passed in a freeze.
const GRACE: Duration = Duration::from_millis(50);

const NAME: &str = "X-Ray";

/// The path of PutTraceSegments.
const PATH: &str = "/TraceSegments";

/// The path of PutTelemetryRecords.
const TELEMETRY_RECORDS_PATH: &str = "/TelemetryRecords";
/// The longest time of PutTelemetryRecords. Nothing waits for it.
const TELEMETRY_RECORDS_TIMEOUT: Duration = Duration::from_secs(5);

impl XRay {
    /// Sends documents through `api`.
    pub fn new(api: Arc<XRayApi>) -> Self {
        Self {
            api,
            latency: Latency::default(),
            telemetry_records: TelemetryRecords::default(),
        }
    }

    async fn put(&self, batch: &Batch, until: Instant) -> Outcome {
        let request = PutTraceSegments {
            body: body(batch),
            batch,
        };
        let begun = Instant::now();
        let response = self.send_on_kept_or_new(&request, until);
        tokio::pin!(response);
        let in_time = match timeout_at(until.into(), &mut response).await {
            Err(_) => timeout(GRACE, response).await,
            in_time => in_time,
        };
        match in_time {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(Failure::Other(reason) | Failure::BeforeResponse(reason))) => {
                self.telemetry_records.count(RequestError::Reason(&reason));
                Outcome::Later(reason.into())
            }
            Err(_) => {
                self.telemetry_records.count(RequestError::Timeout);
                Outcome::Later(no_response(NAME, begun.elapsed()).into())
            }
        }
    }

    /// Starts to send a telemetry record if one is due. X-Ray's answer changes nothing.
    fn report_at(&self, counts: Counts, now: SystemTime) {
        let Some(body) = self.telemetry_records.due(counts, now) else {
            return;
        };
        let api = Arc::clone(&self.api);
        tokio::spawn(async move {
            let response = api.call(TELEMETRY_RECORDS_PATH, &body);
            let reason = match timeout(TELEMETRY_RECORDS_TIMEOUT, response).await {
                Ok(Ok(response)) if response.status == 200 => return,
                Ok(Ok(response)) => format!("X-Ray responded with {}", response.status),
                Ok(Err(reason)) => reason,
                Err(_) => no_response(NAME, TELEMETRY_RECORDS_TIMEOUT),
            };
            debug(format_args!("a telemetry record was not sent: {reason}"));
        });
    }

    /// Sends one request on one client.
    async fn attempt(
        &self,
        client: Client,
        put: &PutTraceSegments<'_>,
    ) -> Result<Outcome, Failure> {
        let begun = Instant::now();
        let response = self.api.post(&client, PATH, &put.body).await?;
        self.latency.learn(begun.elapsed());
        let error = RequestError::Status(response.status);
        self.telemetry_records.count(error);
        let error_type = response.error_type.as_deref();
        let mut outcome = outcome(response.status, error_type, &response.body, put.batch);
        if let Outcome::Later(failure) = &mut outcome {
            let header = response.retry_after.as_deref();
            failure.retry_after = header.and_then(|value| retry_after(value, SystemTime::now()));
        }
        Ok(outcome)
    }

    /// Sends on a kept connection if the pool has one. If that connection is closed, sends
    /// again on a new one at once. If it is silent for longer than X-Ray usually is, also sends
    /// on a new one, because a connection that died in a freeze never responds. X-Ray accepts
    /// the same document twice.
    async fn send_on_kept_or_new(
        &self,
        put: &PutTraceSegments<'_>,
        until: Instant,
    ) -> Result<Outcome, Failure> {
        let connections = &self.api.connections;
        let pooled = connections.pooled().map_err(Failure::Other)?;
        let first = self.attempt(pooled.client, put);
        if !pooled.may_be_stale {
            return first.await;
        }
        tokio::pin!(first);
        let left = until.saturating_duration_since(Instant::now());
        // Before the first response, no connection is kept.
        let recent = self.latency.recent();
        let silence = recent.map_or(left, |recent| SILENCE.max(2 * recent).min(left / 2));
        let silent = tokio::select! {
            result = &mut first => match result {
                Err(Failure::BeforeResponse(_)) => false,
                result => return result,
            },
            () = silence_after(Instant::now() + silence) => true,
        };
        let fresh = connections.fresh().map_err(Failure::Other)?;
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
        self.api.connections.warm();
    }

    fn reconnect(&self) {
        // The first use returns the same error.
        let _ = self.api.connections.fresh();
    }

    fn report(&self, counts: Counts) {
        self.report_at(counts, SystemTime::now());
    }

    fn send<'a>(&'a self, batch: &'a Batch, until: Instant) -> SendFuture<'a> {
        Box::pin(self.put(batch, until))
    }
}

/// Waits until `limit`, and then for an answer that arrived in a freeze.
async fn silence_after(limit: Instant) {
    sleep_until(limit.into()).await;
    sleep(GRACE).await;
}

/// A request, which may be sent on several connections.
struct PutTraceSegments<'a> {
    body: Bytes,
    batch: &'a Batch,
}

/// The request's JSON. The documents are strings in it.
fn body(batch: &Batch) -> Bytes {
    let bytes: usize = batch.documents().map(|document| document.json.len()).sum();
    // Escaping adds about an eighth.
    let mut body = Vec::with_capacity(bytes + bytes / 4 + 64);
    body.extend_from_slice(b"{\"TraceSegmentDocuments\":");
    let mut separator = b'[';
    for document in batch.documents() {
        body.push(separator);
        write_json_string(&mut body, &document.json);
        separator = b',';
    }
    body.extend_from_slice(b"]}");
    body.into()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_telemetry_record_is_sent_a_minute_after_the_first_batch_and_nothing_waits_for_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let keys = Credentials {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: "secret-example".to_owned(),
            session_token: None,
        };
        let xray = XRay::new(Arc::new(XRayApi::new(XRaySettings {
            endpoint: Some(format!("http://{}", listener.local_addr().unwrap())),
            credentials: CredentialSources {
                environment: Some(keys),
                container: None,
            },
            ..XRaySettings::default()
        })));
        let counts = Counts {
            received: 3,
            sent: 2,
            ..Counts::default()
        };
        let now = SystemTime::now();
        xray.report_at(Counts::default(), now);
        xray.report_at(counts, now + Duration::from_secs(61));
        xray.report_at(counts, now + Duration::from_secs(62));
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = String::new();
        while !request.ends_with("}]}") {
            request.push(char::from(stream.read_u8().await.unwrap()));
        }
        assert!(
            request.starts_with("POST /TelemetryRecords HTTP/1.1\r\n"),
            "{request}"
        );
        assert!(request.contains("Credential=AKIDEXAMPLE/"), "{request}");
        assert!(
            request.contains(r#""SegmentsReceivedCount":3,"SegmentsSentCount":2"#),
            "{request}"
        );
        let response = b"HTTP/1.1 403 x\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(response).await.unwrap();
        let second = timeout(Duration::from_millis(50), listener.accept()).await;
        assert!(second.is_err(), "only one record is due");
    }
}
