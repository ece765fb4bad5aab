use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime};

use tokio::task::{AbortHandle, Id, JoinSet};

use super::breaker::Breaker;
use super::sink::{Failure, Fate, LeftOut, Outcome, Sink, no_response};
use crate::Log;
use crate::buffer::{Batch, BatchLimits, DocumentBuffer, Ledger};
use crate::log::debug;
use crate::raw_document::RawDocument;

/// Buffers and sends the documents of one sink, several batches at a time, and counts each
/// result. It has no clock: each call has its time.
#[derive(Debug)]
pub struct Exporter {
    sink: Arc<dyn Sink>,
    limits: BatchLimits,
    buffer: DocumentBuffer,
    breaker: Breaker,
    /// True if the log's last line about the breaker says that it is open.
    reported_open: bool,
    /// The reason of the last failure.
    reason: String,
    tasks: JoinSet<Outcome>,
    /// In the order in which they were sent.
    in_flight: Vec<InFlight>,
    /// True if the last batch failed. If so, nothing is sent until the next call of `send`,
    /// `flush` or `final_flush`, or until the breaker allows an attempt.
    failing: bool,
    /// The number of documents still to send for the last call of `send` or `flush`, even if
    /// they do not fill a batch.
    wanted: usize,
    /// True if only `wanted` documents are sent, so that a flush does not wait for documents
    /// that were received after it began.
    flushing: bool,
    /// The flush that delays `/next` for this sink, until it is idle.
    held: Option<Held>,
    /// The end of the final flush, when the environment ends.
    end: Option<Instant>,
    /// The number of parts of split batches that may still be sent for the last call of `send`,
    /// `flush` or `final_flush`.
    parts_left: usize,
    /// The time of the last observation, by both clocks: the monotonic one may stop in a freeze.
    observed: Option<(Instant, SystemTime)>,
    warm: bool,
}

/// A batch in flight. It is kept until its task ends, so that no document is lost if the task
/// panics.
#[derive(Debug)]
struct InFlight {
    task: AbortHandle,
    batch: Arc<Batch>,
    sent: Instant,
    /// The time when the batch is sent again, if there is a reason to think that its connection
    /// is dead.
    give_up_at: Option<Instant>,
    /// True if it has had no answer for as long as a flush waits. No flush waits for it any more.
    outlived: bool,
}

/// A flush that delays `/next`.
#[derive(Debug, Clone, Copy)]
struct Held {
    begun: Instant,
    until: Instant,
}

/// A batch whose task has ended, not yet counted.
#[derive(Debug)]
pub(super) struct Finished {
    task: Id,
    /// `None` if the task panicked or was aborted.
    outcome: Option<Outcome>,
}

/// The time between two observations while a batch is in flight.
const OBSERVE_EVERY: Duration = Duration::from_millis(250);

/// A longer time between two observations is a freeze. Connections survive shorter ones,
/// because TCP sends lost packets again.
const FROZEN: Duration = Duration::from_secs(1);

/// The time after a freeze in which an answer that has already arrived is read.
const GRACE: Duration = Duration::from_millis(250);

/// The most parts of split batches in one flush. To find one invalid document among 50 takes at
/// most 12; if all are invalid, the rest waits for the next flush.
const MAX_PARTS: usize = 16;

impl Exporter {
    /// Creates an exporter that buffers at most `max_bytes` of documents for `sink`.
    pub fn new(sink: impl Sink, max_bytes: usize) -> Self {
        use std::hash::{BuildHasher, RandomState};
        // The standard library's only source of random numbers.
        Self::with_seed(sink, max_bytes, RandomState::new().hash_one(0))
    }

    fn with_seed(sink: impl Sink, max_bytes: usize, seed: u64) -> Self {
        Self {
            limits: sink.limits(),
            sink: Arc::new(sink),
            buffer: DocumentBuffer::new(max_bytes),
            breaker: Breaker::new(seed),
            reported_open: false,
            reason: String::new(),
            tasks: JoinSet::new(),
            in_flight: Vec::new(),
            failing: false,
            wanted: 0,
            flushing: false,
            held: None,
            end: None,
            parts_left: MAX_PARTS,
            observed: None,
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
    pub(super) fn send(&mut self, now: Instant) {
        self.flushing = false;
        self.send_buffered(now);
    }

    /// Starts to send all documents buffered now. [`is_idle`](Self::is_idle) becomes true when
    /// the sink has responded to all of them, or if it is not worth waiting for. `until` is the
    /// end of the wait; requests live on.
    pub(super) fn flush(&mut self, until: Instant, now: Instant) {
        self.flushing = true;
        if self.can_delay() {
            self.breaker.flush(until.saturating_duration_since(now));
            self.held = Some(Held { begun: now, until });
        }
        self.send_buffered(now);
        if self.is_idle() {
            self.held = None;
        }
    }

    /// Starts to send all documents buffered now, whatever the breaker says, because there is no
    /// later flush. Nothing is sent after `until`.
    pub(super) fn final_flush(&mut self, until: Instant, now: Instant) {
        self.flushing = true;
        self.end = Some(until);
        // A batch that is silent for half of the time left is sent again, on a new connection.
        let give_up_at = now + until.saturating_duration_since(now) / 2;
        for in_flight in &mut self.in_flight {
            in_flight.give_up_at.get_or_insert(give_up_at);
        }
        self.send_buffered(now);
    }

    /// Starts to send full batches, unless the last batch failed.
    pub(super) fn send_full(&mut self, now: Instant) {
        self.flushing = false;
        self.send_batches(now);
    }

    fn send_buffered(&mut self, now: Instant) {
        self.failing = false;
        self.parts_left = MAX_PARTS;
        self.wanted = self.buffer.len();
        self.send_batches(now);
        if !self.in_flight.is_empty() {
            self.sink.report(self.buffer.ledger.counts());
        }
    }

    /// Sends wanted documents, and full batches unless this is a flush, up to the sink's limit
    /// of batches in flight.
    fn send_batches(&mut self, now: Instant) {
        if !self.may_send(now) {
            self.wanted = 0;
            return;
        }
        while !self.failing
            && self.in_flight.len() < self.max_in_flight()
            && (self.wanted > 0 || (!self.flushing && self.buffer.has_full_batch(self.limits)))
            && let Some(batch) = self.buffer.take_batch(self.limits)
        {
            if batch.is_split() {
                self.parts_left -= 1;
                if self.parts_left == 0 {
                    // The rest waits; if the next flush accepts nothing either, for longer.
                    self.failing = true;
                    self.breaker.fail(now, now, None);
                    "it accepts no document".clone_into(&mut self.reason);
                }
            }
            self.wanted = self.wanted.saturating_sub(batch.len());
            self.start(batch, now);
        }
    }

    fn start(&mut self, batch: Batch, now: Instant) {
        if self.in_flight.is_empty() {
            self.observe(now, SystemTime::now());
        }
        let until = now + self.sink.timeout();
        let until = self.end.map_or(until, |end| end.min(until));
        let batch = Arc::new(batch);
        let (sink, sent) = (Arc::clone(&self.sink), Arc::clone(&batch));
        let task = self
            .tasks
            .spawn(async move { sink.send(&sent, until).await });
        self.in_flight.push(InFlight {
            task,
            batch,
            sent: now,
            give_up_at: None,
            outlived: false,
        });
    }

    fn may_send(&self, now: Instant) -> bool {
        match self.end {
            Some(end) => now < end,
            None => self.breaker.may_send(now),
        }
    }

    fn max_in_flight(&self) -> usize {
        if self.breaker.is_probing() && self.end.is_none() {
            1
        } else {
            self.sink.batches_in_flight()
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
    pub(super) fn complete(&mut self, finished: Finished, now: Instant, log: &mut Log) {
        let is_finished = |in_flight: &InFlight| in_flight.task.id() == finished.task;
        let Some(index) = self.in_flight.iter().position(is_finished) else {
            // The batch was given up, and its documents already wait again.
            return;
        };
        let InFlight { batch, sent, .. } = self.in_flight.remove(index);
        let latency = now.saturating_duration_since(sent);
        let dropped = match finished.outcome {
            Some(Outcome::Accepted(left_out)) => self.accepted(&batch, &left_out, sent, now, log),
            Some(Outcome::Split(reason)) if batch.len() > 1 => {
                debug(format_args!("a batch was split: {reason}"));
                self.wanted += batch.len();
                self.buffer.split(&batch)
            }
            Some(Outcome::Split(reason) | Outcome::Rejected(reason)) => {
                log.once(format_args!("rejected documents: {reason}"));
                self.buffer.complete(&batch, batch.len(), &[])
            }
            Some(Outcome::Later(failure)) => {
                self.fail(&failure, sent, now, log);
                self.buffer.put_back(&batch)
            }
            // The sink panicked, and the panic hook has logged it.
            None => {
                self.fail(&Failure::from("a bug"), sent, now, log);
                self.buffer.put_back(&batch)
            }
        };
        debug(format_args!(
            "{} responded to {} documents after {latency:?}",
            self.name(),
            batch.len()
        ));
        log_full_buffer(dropped, log);
        self.send_batches(now);
        self.report_breaker(now, log);
        if self.is_idle() {
            self.held = None;
        }
    }

    /// Counts a batch that the sink accepted, except for `left_out`. Returns how many documents
    /// were dropped to make space.
    fn accepted(
        &mut self,
        batch: &Batch,
        left_out: &[LeftOut],
        sent: Instant,
        now: Instant,
        log: &mut Log,
    ) -> usize {
        let mut later = Vec::new();
        for document in left_out {
            match document.fate {
                Fate::Later => later.push(document.index),
                Fate::Rejected => {
                    log.once(format_args!("rejected a document: {}", document.reason));
                }
            }
        }
        let kept = left_out.iter().find(|kept| kept.fate == Fate::Later);
        match kept {
            // Also if the sink accepted a part: it asks for a pause.
            Some(kept) => {
                self.fail(&Failure::from(kept.reason.as_str()), sent, now, log);
            }
            None => {
                self.breaker.succeed(now.saturating_duration_since(sent));
            }
        }
        self.buffer
            .complete(batch, left_out.len() - later.len(), &later)
    }

    fn fail(&mut self, failure: &Failure, sent: Instant, now: Instant, log: &mut Log) {
        self.failing = true;
        log_kept(&failure.reason, log);
        self.breaker.fail(sent, now, failure.retry_after);
        self.reason.clone_from(&failure.reason);
    }

    /// The time when the caller must call [`tick`](Self::tick). Any call may change it.
    pub(super) fn due(&self) -> Option<Instant> {
        if self.in_flight.is_empty() {
            let attempt = self.breaker.attempt_at();
            return attempt.filter(|_| self.end.is_none() && !self.buffer.is_empty());
        }
        let observe = self.observed.map(|(at, _)| at + OBSERVE_EVERY);
        let held = self.held.map(|held| held.until);
        let give_up = self.in_flight.iter().filter_map(|sent| sent.give_up_at);
        observe.into_iter().chain(held).chain(give_up).min()
    }

    /// Notices freezes and flushes without an answer, and makes the next attempt if the breaker
    /// is open. `wall` is `now` by the wall clock.
    pub(super) fn tick(&mut self, now: Instant, wall: SystemTime, log: &mut Log) {
        self.observe(now, wall);
        self.end_held_flush(now, log);
        self.mark_outlived(now);
        self.give_up(now, log);
        let attempt = self.breaker.attempt_at();
        if attempt.is_some_and(|at| at <= now) && self.in_flight.is_empty() && self.end.is_none() {
            self.send(now);
        }
        self.report_breaker(now, log);
    }

    /// Marks the batches in flight if the sandbox was frozen: their connections may be dead.
    fn observe(&mut self, now: Instant, wall: SystemTime) {
        let Some((seen, seen_wall)) = self.observed.replace((now, wall)) else {
            return;
        };
        let counted = now.saturating_duration_since(seen);
        let passed = wall.duration_since(seen_wall).unwrap_or_default();
        self.breaker.skip(passed.saturating_sub(counted));
        if counted.max(passed) >= FROZEN {
            for in_flight in &mut self.in_flight {
                let give_up_at = in_flight.give_up_at.get_or_insert(now + GRACE);
                *give_up_at = (*give_up_at).min(now + GRACE);
            }
        }
    }

    /// Reports a flush that has waited in vain to the breaker. Its requests go on.
    fn end_held_flush(&mut self, now: Instant, log: &mut Log) {
        let Some(held) = self.held.take_if(|held| held.until <= now) else {
            return;
        };
        let awaited = self.in_flight.iter().filter(|sent| !sent.outlived);
        let Some(oldest) = awaited.map(|sent| sent.sent).min() else {
            return;
        };
        // In a flush of many batches, the oldest one in flight may have been sent just now.
        let limit = held.until.saturating_duration_since(oldest.max(held.begun));
        let reason = no_response(self.name(), limit);
        log.once(format_args!("not sent yet, still in flight: {reason}"));
        self.breaker.miss(limit, now);
        self.reason = reason;
        for in_flight in &mut self.in_flight {
            in_flight.outlived = true;
        }
    }

    /// Marks batches that no flush waits for any more. After a freeze, an answer may have arrived.
    fn mark_outlived(&mut self, now: Instant) {
        let Some(patience) = self.breaker.patience().filter(|_| self.held.is_none()) else {
            return;
        };
        for in_flight in &mut self.in_flight {
            let age = now.saturating_duration_since(in_flight.sent);
            if age > patience && in_flight.give_up_at.is_none() && !in_flight.outlived {
                in_flight.outlived = true;
                self.breaker.interrupt();
            }
        }
    }

    /// Sends batches again whose connections are probably dead.
    fn give_up(&mut self, now: Instant, log: &mut Log) {
        let in_flight = std::mem::take(&mut self.in_flight);
        let (dead, live): (Vec<_>, Vec<_>) = in_flight
            .into_iter()
            .partition(|in_flight| in_flight.give_up_at.is_some_and(|at| at <= now));
        self.in_flight = live;
        if dead.is_empty() {
            return;
        }
        debug(format_args!(
            "{} batches are sent again: their connections are probably dead",
            dead.len()
        ));
        self.sink.reconnect();
        self.wanted += dead.iter().map(|dead| dead.batch.len()).sum::<usize>();
        self.put_back(dead, log);
        self.send_batches(now);
    }

    /// Drops all remaining documents, because the environment ends.
    pub(super) fn drop_remaining(&mut self, now: Instant, log: &mut Log) {
        if let Some(oldest) = self.in_flight.first() {
            let reason = no_response(self.name(), now.saturating_duration_since(oldest.sent));
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

    /// Returns whether a flush may wait for this sink.
    pub(super) fn can_delay(&self) -> bool {
        self.breaker.is_closed()
    }

    /// Returns whether a flush has nothing to wait for: nothing is in flight, and nothing will be
    /// before the next call of `send`, `send_full` or `flush`, or the breaker is open. Batches that
    /// an earlier flush has waited for in vain do not count, nor do documents that wait for their
    /// places. The final flush waits for everything, whatever the breaker says.
    pub(super) fn is_idle(&self) -> bool {
        if self.end.is_none() && !self.can_delay() {
            return true;
        }
        if self.end.is_none() && !self.in_flight.is_empty() {
            return self.in_flight.iter().all(|sent| sent.outlived);
        }
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

    /// Logs once that the breaker has opened, and once that it is closed again.
    fn report_breaker(&mut self, now: Instant, log: &mut Log) {
        let is_open = !self.breaker.is_closed();
        if std::mem::replace(&mut self.reported_open, is_open) == is_open {
            return;
        }
        let (name, reason) = (self.name(), &self.reason);
        if !is_open {
            log.each_time(format_args!("{name} {}", self.sink.recovered()));
        } else if let Some(at) = self.breaker.attempt_at() {
            let seconds = at.saturating_duration_since(now).as_secs_f32().ceil();
            log.each_time(format_args!(
                "{name} fails, so no invocation waits for it; documents are kept, next attempt in {seconds} s: {reason}"
            ));
        } else {
            log.each_time(format_args!(
                "{name} is slow, so no invocation waits for it; documents are sent meanwhile: {reason}"
            ));
        }
    }
}

fn log_kept(reason: &str, log: &mut Log) {
    log.once(format_args!(
        "not sent yet, kept for the next flush: {reason}"
    ));
}

fn log_full_buffer(dropped: usize, log: &mut Log) {
    if dropped > 0 {
        log.once("dropped the oldest documents: the buffer is full; XRAY_LAMBDA_BUFFER_BYTES sets its size");
    }
}

#[cfg(test)]
mod tests;
