use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use crate::buffer::{Batch, BatchLimits, Counts};

/// A destination of documents. A batch is sent again if its response was lost, so a sink must
/// accept the same document twice.
pub trait Sink: fmt::Debug + Send + Sync + 'static {
    /// The sink's name in log lines.
    fn name(&self) -> &'static str;

    /// The limits of one batch.
    fn limits(&self) -> BatchLimits;

    /// The most batches in flight at a time, at least 1.
    fn batches_in_flight(&self) -> usize;

    /// The longest time that one batch takes. A flush waits no longer than its own limit, but
    /// the batch goes on.
    fn timeout(&self) -> Duration;

    /// Prepares the first batch, for example a TLS client, while the handler runs.
    fn warm(&self) {}

    /// Drops kept connections, because they are probably dead.
    fn reconnect(&self) {}

    /// The end of the log line that says that the sink works again.
    fn recovered(&self) -> &'static str {
        "responds in time again"
    }

    /// Reports the counts so far, when documents are sent. Must not wait.
    fn report(&self, _counts: Counts) {}

    /// Sends one batch. Must end by `until`.
    fn send<'a>(&'a self, batch: &'a Batch, until: Instant) -> SendFuture<'a>;
}

/// The future of [`Sink::send`].
pub type SendFuture<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// The result of sending a batch. Reasons are logged, so they must contain neither documents
/// nor credentials.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The sink accepted all documents except these.
    Accepted(Vec<LeftOut>),
    /// The sink accepted no document now, and may accept the same batch later.
    Later(Failure),
    /// The sink accepted no document because of one of them, or because of their size. It may
    /// accept smaller batches. If the batch has one document, the document is rejected.
    Split(String),
    /// The sink will never accept a document of this batch.
    Rejected(String),
}

/// The reason why a sink accepted no document now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The reason, for the log.
    pub reason: String,
    /// The pause that the sink asks for.
    pub retry_after: Option<Duration>,
}

impl From<String> for Failure {
    fn from(reason: String) -> Self {
        Self {
            reason,
            retry_after: None,
        }
    }
}

impl From<&str> for Failure {
    fn from(reason: &str) -> Self {
        reason.to_owned().into()
    }
}

/// A document that the sink did not accept, in a batch that it accepted.
#[derive(Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The document's index within the batch.
    pub index: usize,
    /// The next step for the document.
    pub fate: Fate,
    /// The reason, for the log.
    pub reason: String,
}

/// The next step for a document that the sink did not accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The document waits and is sent again.
    Later,
    /// The sink will never accept the document.
    Rejected,
}

/// The reason for a batch without a response. The time is rounded to tenths of a second, so
/// that the log shows equal reasons once.
pub(super) fn no_response(sink: &str, after: Duration) -> String {
    let tenths = (after.as_millis() as u64 + 50) / 100;
    let rounded = Duration::from_millis(tenths * 100);
    format!("no response from {sink} within {rounded:?}")
}
