use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime};

use tokio::task::{AbortHandle, Id, JoinSet};

use super::sink::{Fate, Outcome, Sink, no_response};
use crate::Log;
use crate::buffer::{Batch, BatchLimits, DocumentBuffer, Ledger};
use crate::raw_document::RawDocument;

/// Buffers and sends the documents of one sink, several batches at a time, and counts each
/// result.
#[derive(Debug)]
pub struct Exporter {
    sink: Arc<dyn Sink>,
    limits: BatchLimits,
    buffer: DocumentBuffer,
    tasks: JoinSet<Outcome>,
    /// In the order in which they were sent.
    in_flight: Vec<InFlight>,
    /// True if the last batch failed. If so, nothing is sent until the next call of `send` or
    /// `flush`.
    failing: bool,
    /// The number of documents still to send for the last call of `send` or `flush`, even if
    /// they do not fill a batch.
    wanted: usize,
    /// True if only `wanted` documents are sent, so that a flush does not wait for documents
    /// that were received after it began.
    flushing: bool,
    /// The time when batches that start now must end.
    until: Option<Instant>,
    warm: bool,
}

/// A batch in flight. It is kept until its task ends, so that no document is lost if the task
/// panics.
#[derive(Debug)]
struct InFlight {
    task: AbortHandle,
    batch: Arc<Batch>,
    sent: Instant,
    /// Shows the length of a freeze, in which the monotonic clock may stop.
    sent_wall: SystemTime,
}

/// A batch whose task has ended, not yet counted.
#[derive(Debug)]
pub(super) struct Finished {
    task: Id,
    /// `None` if the task panicked or was aborted.
    outcome: Option<Outcome>,
}

/// A batch in flight that is older than this when an event arrives was probably frozen:
/// sinks respond within tens of milliseconds.
const FROZEN: Duration = Duration::from_secs(1);

impl Exporter {
    /// Creates an exporter that buffers at most `max_bytes` of documents for `sink`.
    pub fn new(sink: impl Sink, max_bytes: usize) -> Self {
        Self {
            limits: sink.limits(),
            sink: Arc::new(sink),
            buffer: DocumentBuffer::new(max_bytes),
            tasks: JoinSet::new(),
            in_flight: Vec::new(),
            failing: false,
            wanted: 0,
            flushing: false,
            until: None,
            warm: false,
        }
    }

    pub(super) fn name(&self) -> &'static str {
        self.sink.name()
    }

    /// Prepares the sink in a task of its own, once.
    pub(super) fn warm(&mut self) {
        if !std::mem::replace(&mut self.warm, true) {
            let sink = Arc::clone(&self.sink);
            tokio::spawn(async move { sink.warm() });
        }
    }

    pub(super) fn push(&mut self, document: RawDocument, log: &mut Log) {
        let dropped = self.buffer.push(document);
        log_full_buffer(dropped, log);
    }

    /// Starts to send all documents buffered now, and each batch that becomes full meanwhile.
    /// A batch that is still in flight at `until` waits again.
    pub(super) fn send(&mut self, until: Instant) {
        self.flushing = false;
        self.send_buffered(until);
    }

    /// Starts to send all documents buffered now. [`is_idle`](Self::is_idle) becomes true when
    /// the sink has responded to all of them.
    pub(super) fn flush(&mut self, until: Instant) {
        self.flushing = true;
        self.send_buffered(until);
    }

    /// Starts to send full batches, unless the last batch failed.
    pub(super) fn send_full(&mut self, until: Instant) {
        self.flushing = false;
        self.until = Some(until);
        self.send_batches();
    }

    fn send_buffered(&mut self, until: Instant) {
        self.failing = false;
        self.wanted = self.buffer.len();
        self.until = Some(until);
        self.send_batches();
    }

    /// Sends wanted documents, and full batches unless this is a flush, up to the sink's limit
    /// of batches in flight and before `until`.
    fn send_batches(&mut self) {
        let Some(until) = self.until.filter(|until| *until > Instant::now()) else {
            self.wanted = 0;
            return;
        };
        while !self.failing
            && self.in_flight.len() < self.sink.batches_in_flight()
            && (self.wanted > 0 || (!self.flushing && self.buffer.has_full_batch(self.limits)))
            && let Some(batch) = self.buffer.take_batch(self.limits)
        {
            self.wanted = self.wanted.saturating_sub(batch.len());
            let batch = Arc::new(batch);
            let (sink, sent) = (Arc::clone(&self.sink), Arc::clone(&batch));
            let task = self
                .tasks
                .spawn(async move { sink.send(&sent, until).await });
            self.in_flight.push(InFlight {
                task,
                batch,
                sent: Instant::now(),
                sent_wall: SystemTime::now(),
            });
        }
    }

    /// Polls for the end of a batch's task. Pending if no batch is in flight.
    pub(super) fn poll_finished(&mut self, context: &mut Context<'_>) -> Poll<Finished> {
        match self.tasks.poll_join_next_with_id(context) {
            Poll::Ready(Some(Ok((task, outcome)))) => Poll::Ready(Finished {
                task,
                outcome: Some(outcome),
            }),
            Poll::Ready(Some(Err(error))) => Poll::Ready(Finished {
                task: error.id(),
                outcome: None,
            }),
            // `None` means that no task runs. The event loop polls again after it starts one.
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    /// Counts the result of a batch, and sends the next one.
    pub(super) fn complete(&mut self, finished: Finished, log: &mut Log) {
        let is_finished = |in_flight: &InFlight| in_flight.task.id() == finished.task;
        let Some(index) = self.in_flight.iter().position(is_finished) else {
            // `thaw` has aborted the batch, and its documents already wait again.
            return;
        };
        let batch = self.in_flight.remove(index).batch;
        let dropped = match finished.outcome {
            Some(Outcome::Accepted(left_out)) => {
                for document in &left_out {
                    log.once(match document.fate {
                        Fate::Later => {
                            format!("not sent yet, kept for the next flush: {}", document.reason)
                        }
                        Fate::Rejected => format!("rejected a document: {}", document.reason),
                    });
                }
                let later: Vec<usize> = left_out
                    .iter()
                    .filter(|document| document.fate == Fate::Later)
                    .map(|document| document.index)
                    .collect();
                self.failing |= !later.is_empty();
                self.buffer
                    .complete(&batch, left_out.len() - later.len(), &later)
            }
            Some(Outcome::Rejected(reason)) => {
                log.once(format_args!("rejected documents: {reason}"));
                self.buffer.complete(&batch, batch.len(), &[])
            }
            Some(Outcome::Later(reason)) => {
                log.once(format_args!(
                    "not sent yet, kept for the next flush: {reason}"
                ));
                self.failing = true;
                self.buffer.put_back(&batch)
            }
            // The sink panicked, and the panic hook has logged it.
            None => {
                self.failing = true;
                self.buffer.put_back(&batch)
            }
        };
        log_full_buffer(dropped, log);
        self.send_batches();
    }

    /// Aborts the batches that were sent before a freeze, because their connections may be
    /// dead. Their documents wait again. `now` is the time of the event that ended the freeze.
    pub(super) fn thaw(&mut self, now: SystemTime, log: &mut Log) {
        let (frozen, live) =
            std::mem::take(&mut self.in_flight)
                .into_iter()
                .partition(|in_flight| {
                    now.duration_since(in_flight.sent_wall)
                        .map_or(true, |age| age >= FROZEN)
                });
        self.in_flight = live;
        self.put_back(frozen, log);
    }

    /// Drops all remaining documents, because the environment ends.
    pub(super) fn drop_remaining(&mut self, log: &mut Log) {
        if let Some(oldest) = self.in_flight.first() {
            let reason = no_response(self.name(), oldest.sent.elapsed());
            log.once(format_args!("not sent: {reason}"));
        }
        let in_flight = std::mem::take(&mut self.in_flight);
        self.put_back(in_flight, log);
        self.buffer.drop_waiting();
    }

    fn put_back(&mut self, aborted: Vec<InFlight>, log: &mut Log) {
        for in_flight in aborted {
            in_flight.task.abort();
            log_full_buffer(self.buffer.put_back(&in_flight.batch), log);
        }
    }

    /// Returns whether nothing is in flight, and nothing will be before the next call of `send`,
    /// `send_full` or `flush`.
    pub(super) fn is_idle(&self) -> bool {
        self.in_flight.is_empty() && (self.failing || self.wanted == 0 || self.buffer.is_empty())
    }

    /// Returns whether the last batch failed.
    pub(super) fn is_failing(&self) -> bool {
        self.failing
    }

    pub(super) fn has_waiting(&self) -> bool {
        !self.buffer.is_empty()
    }

    pub(super) fn has_full_batch(&self) -> bool {
        !self.failing && self.buffer.has_full_batch(self.limits)
    }

    pub(super) fn ledger(&self) -> &Ledger {
        &self.buffer.ledger
    }

    pub(super) fn ledger_mut(&mut self) -> &mut Ledger {
        &mut self.buffer.ledger
    }
}

fn log_full_buffer(dropped: usize, log: &mut Log) {
    if dropped > 0 {
        log.once("dropped the oldest documents: the buffer is full; XRAY_LAMBDA_BUFFER_BYTES sets its size");
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, poll_fn};
    use std::sync::Mutex;

    use xray_document::SegmentId;

    use super::*;
    use crate::export::sink::{LeftOut, SendFuture};

    const LIMITS: BatchLimits = BatchLimits {
        documents: 50,
        bytes: 512 * 1024,
    };

    /// A sink with scripted outcomes, taken from the end; `None` is a panic.
    #[derive(Debug)]
    struct Scripted(Mutex<Vec<Option<Outcome>>>);

    impl Sink for Scripted {
        fn name(&self) -> &'static str {
            "scripted"
        }

        fn limits(&self) -> BatchLimits {
            LIMITS
        }

        fn batches_in_flight(&self) -> usize {
            4
        }

        fn send<'a>(&'a self, _: &'a Batch, _: Instant) -> SendFuture<'a> {
            Box::pin(async {
                let next = self.0.lock().unwrap().pop();
                next.expect("an outcome for each batch").expect("no panic")
            })
        }
    }

    fn document(id: u64) -> RawDocument {
        RawDocument::new(None, SegmentId::from_u64(id), false, "{}")
    }

    fn exporter(outcomes: Vec<Option<Outcome>>) -> Exporter {
        let mut exporter = Exporter::new(Scripted(Mutex::new(outcomes)), 1 << 20);
        for id in 1..=3 {
            exporter.push(document(id), &mut Log::default());
        }
        exporter
    }

    async fn complete_next(exporter: &mut Exporter) {
        let finished = poll_fn(|context| exporter.poll_finished(context)).await;
        exporter.complete(finished, &mut Log::default());
    }

    async fn flush(exporter: &mut Exporter) -> (u64, u64, u64) {
        let until = Instant::now() + Duration::from_secs(5);
        exporter.flush(until);
        while !exporter.is_idle() {
            complete_next(exporter).await;
        }
        let ledger = exporter.ledger();
        assert!(ledger.balances());
        (ledger.sent(), ledger.rejected(), ledger.buffered())
    }

    #[tokio::test]
    async fn a_document_left_out_waits_or_is_rejected() {
        let left_out = |index, fate| LeftOut {
            index,
            fate,
            reason: "why".to_owned(),
        };
        let mut exporter = exporter(vec![
            Some(Outcome::Accepted(Vec::new())),
            Some(Outcome::Accepted(vec![
                left_out(0, Fate::Later),
                left_out(2, Fate::Rejected),
            ])),
        ]);
        assert_eq!(flush(&mut exporter).await, (1, 1, 1));
        assert_eq!(flush(&mut exporter).await, (2, 1, 0));
    }

    #[tokio::test]
    async fn a_failed_batch_is_sent_once_in_each_flush() {
        let mut exporter = exporter(vec![
            Some(Outcome::Rejected("400".to_owned())),
            Some(Outcome::Later("429".to_owned())),
        ]);
        assert_eq!(flush(&mut exporter).await, (0, 0, 3));
        assert_eq!(flush(&mut exporter).await, (0, 3, 0));
    }

    #[tokio::test]
    async fn a_panic_in_the_sink_loses_no_document() {
        let mut exporter = exporter(vec![Some(Outcome::Accepted(Vec::new())), None]);
        assert_eq!(flush(&mut exporter).await, (0, 0, 3));
        assert_eq!(flush(&mut exporter).await, (3, 0, 0));
    }

    /// A sink that never responds.
    #[derive(Debug)]
    struct Silent;

    impl Sink for Silent {
        fn name(&self) -> &'static str {
            "silent"
        }

        fn limits(&self) -> BatchLimits {
            LIMITS
        }

        fn batches_in_flight(&self) -> usize {
            4
        }

        fn send<'a>(&'a self, _: &'a Batch, _: Instant) -> SendFuture<'a> {
            Box::pin(pending())
        }
    }

    /// An exporter with this number of batches in flight, whose sink never responds.
    fn silent(batches: u64) -> Exporter {
        let mut exporter = Exporter::new(Silent, 1 << 20);
        let until = Instant::now() + Duration::from_secs(5);
        for id in 1..=batches {
            exporter.push(document(id), &mut Log::default());
            exporter.send(until);
        }
        assert!(!exporter.has_waiting());
        exporter
    }

    #[tokio::test]
    async fn documents_frozen_in_flight_wait_again_in_their_old_order() {
        let mut exporter = silent(4);
        exporter.thaw(SystemTime::now(), &mut Log::default());
        assert!(!exporter.has_waiting(), "too young to have been frozen");
        exporter.thaw(SystemTime::now() + FROZEN, &mut Log::default());
        assert!(
            exporter.is_idle(),
            "a flush does not wait for dead connections"
        );
        let batch = exporter.buffer.take_batch(LIMITS).unwrap();
        let ids: Vec<u64> = batch
            .documents()
            .map(|document| document.id.as_u64())
            .collect();
        assert_eq!(ids, [1, 2, 3, 4]);
    }

    #[tokio::test]
    async fn the_end_of_an_aborted_batch_changes_nothing() {
        let mut exporter = silent(2);
        exporter.thaw(SystemTime::now() + FROZEN, &mut Log::default());
        for _ in 0..2 {
            complete_next(&mut exporter).await;
        }
        assert_eq!(exporter.ledger().buffered(), 2);
        assert!(exporter.has_waiting() && !exporter.is_failing());
    }

    #[tokio::test]
    async fn remaining_documents_are_counted_as_dropped() {
        let mut exporter = silent(3);
        exporter.drop_remaining(&mut Log::default());
        assert!(exporter.ledger().balances() && exporter.ledger().dropped() == 3);
    }

    #[tokio::test]
    async fn a_flush_does_not_wait_for_documents_received_after_it_began() {
        let mut exporter = exporter(vec![Some(Outcome::Accepted(Vec::new()))]);
        exporter.flush(Instant::now() + Duration::from_secs(5));
        // As from a background task that sends faster than the sink responds.
        for id in 10..100 {
            exporter.push(document(id), &mut Log::default());
        }
        complete_next(&mut exporter).await;
        assert!(exporter.is_idle());
        assert_eq!(
            (exporter.ledger().sent(), exporter.ledger().buffered()),
            (3, 90)
        );
    }
}
