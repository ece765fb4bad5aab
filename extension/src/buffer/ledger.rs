use std::fmt;

use serde::Serialize;

/// Counts what became of each document that was received for one sink. At any time
/// `received = sent + rejected + dropped + replaced + filtered + buffered`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Ledger {
    received: u64,
    sent: u64,
    rejected: u64,
    dropped: u64,
    replaced: u64,
    filtered: u64,
    buffered: u64,
    /// Datagrams that the kernel dropped because its receive buffer was full. Never read, so not
    /// counted as received.
    dropped_by_kernel: u64,
    /// Documents that the wrapper dropped, because too many waited for this extension. Never
    /// received, either.
    dropped_by_wrapper: u64,
}

impl Ledger {
    /// Counts a document that was received and buffered.
    pub(crate) fn receive(&mut self) {
        self.received += 1;
        self.buffered += 1;
    }

    /// Counts a datagram or document that was rejected before the buffer.
    pub(crate) fn reject_on_arrival(&mut self) {
        self.received += 1;
        self.rejected += 1;
    }

    /// Counts a document that the policy or the keep stage filtered out.
    pub(crate) fn filter_on_arrival(&mut self) {
        self.received += 1;
        self.filtered += 1;
    }

    /// Counts a document that waits for the decision of the keep stage. It counts as buffered.
    pub(crate) fn wait(&mut self) {
        self.receive();
    }

    /// Counts a document that waited and is kept: the buffer receives it next.
    pub(crate) fn keep_waiting(&mut self) {
        self.received -= self.remove_buffered(1);
    }

    /// Counts documents that waited and are filtered out.
    pub(crate) fn filter_waiting(&mut self, documents: usize) {
        self.filtered += self.remove_buffered(documents);
    }

    /// Counts buffered documents that the sink accepted.
    pub(crate) fn send(&mut self, documents: usize) {
        self.sent += self.remove_buffered(documents);
    }

    /// Counts buffered documents that the sink rejected.
    pub(crate) fn reject(&mut self, documents: usize) {
        self.rejected += self.remove_buffered(documents);
    }

    /// Counts buffered documents that were dropped because space or time ran out.
    pub(crate) fn drop(&mut self, documents: usize) {
        self.dropped += self.remove_buffered(documents);
    }

    /// Counts a buffered document that a newer version replaced.
    pub(crate) fn replace(&mut self) {
        self.replaced += self.remove_buffered(1);
    }

    /// Sets the numbers of datagrams that the kernel and the wrapper have dropped.
    pub(crate) fn set_dropped_before(&mut self, by_kernel: u64, by_wrapper: u64) {
        self.dropped_by_kernel = by_kernel;
        self.dropped_by_wrapper = by_wrapper;
    }

    fn remove_buffered(&mut self, documents: usize) -> u64 {
        let removed = (documents as u64).min(self.buffered);
        self.buffered -= removed;
        removed
    }

    /// Documents that the sink accepted.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// Documents that the sink rejected, and datagrams that were rejected before the buffer.
    pub(crate) fn rejected(&self) -> u64 {
        self.rejected
    }

    /// Documents dropped because the buffer was full or the environment ended, and datagrams that
    /// the kernel dropped.
    pub(crate) fn lost(&self) -> u64 {
        self.dropped + self.dropped_by_kernel
    }

    /// The counts that a sink may report.
    pub(crate) fn counts(&self) -> Counts {
        Counts {
            received: self.received,
            sent: self.sent,
            rejected: self.rejected,
            dropped: self.dropped,
        }
    }

    /// Returns whether a document will never arrive at the sink. Filtered and replaced documents
    /// are not losses.
    pub(crate) fn has_losses(&self) -> bool {
        self.rejected + self.dropped + self.dropped_by_kernel + self.dropped_by_wrapper > 0
    }
}

/// The counts of one sink that it may report. Each only grows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Documents and datagrams that were received.
    pub received: u64,
    /// Documents that the sink accepted.
    pub sent: u64,
    /// Documents that the extension or the sink rejected.
    pub rejected: u64,
    /// Documents that were dropped because space or time ran out.
    pub dropped: u64,
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            received,
            sent,
            rejected,
            dropped,
            replaced,
            filtered,
            buffered,
            dropped_by_kernel,
            dropped_by_wrapper,
        } = self;
        write!(
            f,
            "{received} documents received: {sent} sent, {rejected} rejected, {dropped} dropped, {buffered} buffered"
        )?;
        if *replaced > 0 {
            write!(f, ", {replaced} replaced by their complete versions")?;
        }
        if *filtered > 0 {
            write!(f, ", {filtered} filtered out")?;
        }
        if *dropped_by_kernel > 0 {
            write!(
                f,
                "; the kernel dropped {dropped_by_kernel} more datagrams because its receive buffer was full (net.core.rmem_max limits its size)"
            )?;
        }
        if *dropped_by_wrapper > 0 {
            write!(
                f,
                "; the function dropped {dropped_by_wrapper} more because they waited too long for the extension to read them"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
impl Ledger {
    /// Documents dropped because the buffer was full or the environment ended.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Documents, and datagrams that were rejected.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// In-progress documents that were replaced before they were sent.
    pub(crate) fn replaced(&self) -> u64 {
        self.replaced
    }

    /// Documents that the policy or the keep stage filtered out.
    pub(crate) fn filtered(&self) -> u64 {
        self.filtered
    }

    /// Documents that wait or are in flight.
    pub(crate) fn buffered(&self) -> u64 {
        self.buffered
    }

    /// Returns whether the sum is right, which is an invariant.
    pub(crate) fn balances(&self) -> bool {
        let Self {
            received,
            sent,
            rejected,
            dropped,
            replaced,
            filtered,
            buffered,
            dropped_by_kernel: _,
            dropped_by_wrapper: _,
        } = self;
        *received == sent + rejected + dropped + replaced + filtered + buffered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filtered_document_is_counted_and_is_not_a_loss() {
        let mut ledger = Ledger::default();
        ledger.receive();
        ledger.filter_on_arrival();
        ledger.send(1);
        assert!(ledger.balances() && !ledger.has_losses());
        assert_eq!((ledger.received(), ledger.filtered()), (2, 1));
        assert!(ledger.to_string().ends_with("1 filtered out"), "{ledger}");
    }
}
