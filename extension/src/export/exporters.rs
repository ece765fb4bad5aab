use std::future::poll_fn;
use std::task::Poll;
use std::time::{Instant, SystemTime};

use super::Exporter;
use super::exporter::Finished;
use crate::Log;
#[cfg(test)]
use crate::buffer::Ledger;
use crate::raw_document::RawDocument;

/// All configured sinks, each with its buffer and its account.
#[derive(Debug)]
pub struct Exporters {
    exporters: Vec<Exporter>,
}

/// A batch that one of the exporters got an answer to.
#[derive(Debug)]
pub(crate) struct FinishedBatch {
    exporter_index: usize,
    finished: Finished,
}

impl Exporters {
    pub fn new(exporters: Vec<Exporter>) -> Self {
        Self { exporters }
    }

    /// Buffers a document for every sink.
    pub(crate) fn push(&mut self, document: &RawDocument, log: &mut Log) {
        for exporter in &mut self.exporters {
            exporter.push(document.clone(), log);
        }
    }

    /// Counts a datagram that is not a document.
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

    /// Sets the number of datagrams that the kernel has dropped so far.
    pub(crate) fn set_dropped_by_kernel(&mut self, datagrams: u64) {
        for exporter in &mut self.exporters {
            exporter.ledger_mut().set_dropped_by_kernel(datagrams);
        }
    }

    /// Prepares the sinks beside other work, once.
    pub(crate) fn warm(&mut self) {
        self.exporters.iter_mut().for_each(Exporter::warm);
    }

    /// Starts to send what is buffered now, and full batches that fill up meanwhile.
    pub(crate) fn send(&mut self, until: Instant) {
        for exporter in &mut self.exporters {
            exporter.send(until);
        }
    }

    /// Sends what is buffered now, until [`is_idle`](Self::is_idle).
    pub(crate) fn flush(&mut self, until: Instant) {
        for exporter in &mut self.exporters {
            exporter.flush(until);
        }
    }

    /// Starts to send full batches, except to a sink whose last batch failed.
    pub(crate) fn send_full(&mut self, until: Instant) {
        for exporter in &mut self.exporters {
            exporter.send_full(until);
        }
    }

    /// Waits for the answer to any batch; forever if none is in flight.
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

    /// Books an answer, and sends what waits for it.
    pub(crate) fn complete(&mut self, batch: FinishedBatch, log: &mut Log) {
        if let Some(exporter) = self.exporters.get_mut(batch.exporter_index) {
            exporter.complete(batch.finished, log);
        }
    }

    /// Ends batches that were in flight during a freeze; see [`Exporter::thaw`].
    pub(crate) fn thaw(&mut self, now: SystemTime, log: &mut Log) {
        for exporter in &mut self.exporters {
            exporter.thaw(now, log);
        }
    }

    /// Drops what is left, because the environment ends.
    pub(crate) fn drop_remaining(&mut self, log: &mut Log) {
        for exporter in &mut self.exporters {
            exporter.drop_remaining(log);
        }
    }

    /// Whether nothing is in flight, and nothing will be without another decision.
    pub(crate) fn is_idle(&self) -> bool {
        self.exporters.iter().all(Exporter::is_idle)
    }

    /// Whether a sink did not take its last batch.
    pub(crate) fn is_failing(&self) -> bool {
        self.exporters.iter().any(Exporter::is_failing)
    }

    /// Whether documents wait for any sink.
    pub(crate) fn has_waiting(&self) -> bool {
        self.exporters.iter().any(Exporter::has_waiting)
    }

    /// Whether a full batch waits for a sink that accepts batches.
    pub(crate) fn has_full_batch(&self) -> bool {
        self.exporters.iter().any(Exporter::has_full_batch)
    }

    /// The account of each sink.
    #[cfg(test)]
    pub(crate) fn ledgers(&self) -> impl Iterator<Item = &Ledger> {
        self.exporters.iter().map(Exporter::ledger)
    }

    /// One line for each sink that did not get every document.
    pub(crate) fn losses(&self) -> impl Iterator<Item = String> {
        let lossy = self
            .exporters
            .iter()
            .filter(|exporter| exporter.ledger().has_losses());
        lossy.map(|exporter| {
            let (name, ledger) = (exporter.name(), exporter.ledger());
            format!("not every document reached {name}; {ledger}")
        })
    }
}
