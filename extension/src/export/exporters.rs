use std::future::poll_fn;
use std::task::Poll;
use std::time::{Instant, SystemTime};

use super::exporter::{Exporter, Finished};
use crate::Log;
use crate::buffer::Ledger;
use crate::log::{Level, LogLine};
use crate::raw_document::RawDocument;

/// The exporters of all configured sinks.
#[derive(Debug)]
pub struct Exporters {
    exporters: Vec<Exporter>,
}

/// A batch of one of the exporters whose task has ended.
#[derive(Debug)]
pub(crate) struct FinishedBatch {
    exporter_index: usize,
    finished: Finished,
}

impl Exporters {
    /// Holds these exporters. Each receives every document.
    pub fn new(exporters: Vec<Exporter>) -> Self {
        Self { exporters }
    }

    /// Buffers a document for every sink.
    pub(crate) fn push(&mut self, document: &RawDocument, log: &mut Log) {
        for exporter in &mut self.exporters {
            exporter.push(document.clone(), log);
        }
    }

    /// Counts a datagram or document that was rejected before the buffers.
    pub(crate) fn count_rejected(&mut self) {
        for exporter in &mut self.exporters {
            exporter.ledger_mut().reject_on_arrival();
        }
    }

    /// Counts a document that was filtered out.
    pub(crate) fn count_filtered(&mut self) {
        for exporter in &mut self.exporters {
            exporter.ledger_mut().filter_on_arrival();
        }
    }

    /// Counts a document that waits for the decision of the keep stage.
    pub(crate) fn count_waiting(&mut self) {
        for exporter in &mut self.exporters {
            exporter.ledger_mut().wait();
        }
    }

    /// Buffers a document that waited for the decision of the keep stage.
    pub(crate) fn push_waiting(&mut self, document: &RawDocument, log: &mut Log) {
        for exporter in &mut self.exporters {
            exporter.ledger_mut().keep_waiting();
            exporter.push(document.clone(), log);
        }
    }

    /// Counts documents that waited and are filtered out.
    pub(crate) fn filter_waiting(&mut self, documents: usize) {
        for exporter in &mut self.exporters {
            exporter.ledger_mut().filter_waiting(documents);
        }
    }

    /// Sets the numbers of datagrams that the kernel and the wrapper have dropped.
    pub(crate) fn set_dropped_before(&mut self, by_kernel: u64, by_wrapper: u64) {
        for exporter in &mut self.exporters {
            exporter
                .ledger_mut()
                .set_dropped_before(by_kernel, by_wrapper);
        }
    }

    /// Prepares each sink in a task of its own, once.
    pub(crate) fn warm(&mut self) {
        self.exporters.iter_mut().for_each(Exporter::warm);
    }

    /// Starts to send all documents buffered now, and each batch that becomes full meanwhile.
    pub(crate) fn send(&mut self) {
        let now = Instant::now();
        self.each(|exporter| exporter.send(now));
    }

    /// Starts to send all documents buffered now. [`is_idle`](Self::is_idle) becomes true when
    /// the sinks that are worth waiting for have responded to all of them. `until` is the end of
    /// the wait; requests live on.
    pub(crate) fn flush(&mut self, until: Instant) {
        let now = Instant::now();
        self.each(|exporter| exporter.flush(until, now));
    }

    /// Starts to send all documents buffered now, to every sink, because the environment ends at
    /// `until`. Nothing is sent after it.
    pub(crate) fn final_flush(&mut self, until: Instant) {
        let now = Instant::now();
        self.each(|exporter| exporter.final_flush(until, now));
    }

    /// Starts to send full batches, except to a sink whose last batch failed.
    pub(crate) fn send_full(&mut self) {
        let now = Instant::now();
        self.each(|exporter| exporter.send_full(now));
    }

    fn each(&mut self, act: impl FnMut(&mut Exporter)) {
        self.exporters.iter_mut().for_each(act);
    }

    /// Waits for the end of any batch's task. If no batch is in flight, waits forever.
    pub(crate) async fn finished(&mut self) -> FinishedBatch {
        poll_fn(|context| {
            for (index, exporter) in self.exporters.iter_mut().enumerate() {
                if let Poll::Ready(finished) = exporter.poll_finished(context) {
                    return Poll::Ready(FinishedBatch {
                        exporter_index: index,
                        finished,
                    });
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Counts the result of a batch, and sends the next one.
    pub(crate) fn complete(&mut self, batch: FinishedBatch, log: &mut Log) {
        if let Some(exporter) = self.exporters.get_mut(batch.exporter_index) {
            exporter.complete(batch.finished, Instant::now(), log);
        }
    }

    /// The time when the caller must call [`tick`](Self::tick). Any call may change it.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.exporters.iter().filter_map(Exporter::due).min()
    }

    /// Notices freezes and flushes without an answer, and sends again what is due. The caller
    /// also calls it if an event may have ended a freeze.
    pub(crate) fn tick(&mut self, now: Instant, log: &mut Log) {
        let wall = SystemTime::now();
        self.each(|exporter| exporter.tick(now, wall, log));
    }

    /// Drops all remaining documents, because the environment ends.
    pub(crate) fn drop_remaining(&mut self, log: &mut Log) {
        let now = Instant::now();
        self.each(|exporter| exporter.drop_remaining(now, log));
    }

    /// Returns whether a flush may wait for at least one sink. If not, a flush is over at once.
    pub(crate) fn can_delay(&self) -> bool {
        self.exporters.iter().any(Exporter::can_delay)
    }

    /// Returns whether a flush has nothing to wait for: nothing is in flight, and nothing will be
    /// before the next call of `send`, `send_full` or `flush`. Sinks whose breaker is open do not
    /// count, except in the final flush.
    pub(crate) fn is_idle(&self) -> bool {
        self.exporters.iter().all(Exporter::is_idle)
    }

    /// Returns whether the last batch of any sink failed.
    pub(crate) fn is_failing(&self) -> bool {
        self.exporters.iter().any(Exporter::is_failing)
    }

    /// Returns whether documents wait for any sink.
    pub(crate) fn has_waiting(&self) -> bool {
        self.exporters.iter().any(Exporter::has_waiting)
    }

    /// Returns whether a full batch waits for a sink whose last batch did not fail.
    pub(crate) fn has_full_batch(&self) -> bool {
        self.exporters.iter().any(Exporter::has_full_batch)
    }

    /// The name and the ledger of each sink.
    pub(crate) fn ledgers(&self) -> impl Iterator<Item = (&'static str, &Ledger)> {
        self.exporters
            .iter()
            .map(|exporter| (exporter.name(), exporter.ledger()))
    }

    /// Returns the account of each sink as a line for the end of the log.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = LogLine> {
        self.ledgers().map(|(name, ledger)| {
            let line = if ledger.has_losses() {
                let message = format!("not every document reached {name}; {ledger}");
                LogLine::new(Level::Warn, message)
            } else {
                LogLine::new(Level::Info, format!("ended; {name}: {ledger}"))
            };
            let account = serde_json::to_value(ledger).unwrap_or_default();
            line.with("sink", name).with("documents", account)
        })
    }
}
