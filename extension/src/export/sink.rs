use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use crate::buffer::{Batch, BatchLimits};

/// A destination of documents. It must be safe to send the same document twice, because a
/// batch whose answer was lost is sent again.
pub trait Sink: fmt::Debug + Send + Sync + 'static {
    /// The name in log lines.
    fn name(&self) -> &'static str;

    /// The most that one batch may hold.
    fn limits(&self) -> BatchLimits;

    /// The number of batches that may be in flight at a time, at least 1.
    fn batches_in_flight(&self) -> usize;

    /// Prepares what the first batch will need, while the handler runs.
    fn warm(&self) {}

    /// Sends one batch, and ends by `until` whatever happens.
    fn send<'a>(&'a self, batch: &'a Batch, until: Instant) -> SendFuture<'a>;
}

/// A batch on its way to a sink.
pub type SendFuture<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// The result of sending a batch. Reasons are log lines: they hold no payload and no
/// credentials.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The sink has all documents except these.
    Accepted(Vec<LeftOut>),
    /// The sink has none of them now; the same batch may be accepted later.
    Later(String),
    /// The sink will never accept this batch.
    Rejected(String),
}

/// A document that the sink left out of a batch.
#[derive(Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Its index within the batch.
    pub index: usize,
    pub fate: Fate,
    pub reason: String,
}

/// Whether a document that was left out may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Later,
    Rejected,
}

/// The reason of a batch without an answer. The time is rounded to tenths of a second, so
/// that the log shows the same reason once.
pub(super) fn no_response(sink: &str, after: Duration) -> String {
    let tenths = (after.as_millis() as u64 + 50) / 100;
    let rounded = Duration::from_millis(tenths * 100);
    format!("no answer from {sink} within {rounded:?}")
}
