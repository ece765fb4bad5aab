use std::fmt;

/// The account of one sink: the fate of every document that ever arrived.
/// `received = sent + rejected + dropped + replaced + filtered + buffered` at any time.
///
/// Each method is one step of a document's life and keeps the sum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Ledger {
    received: u64,
    sent: u64,
    rejected: u64,
    dropped: u64,
    replaced: u64,
    filtered: u64,
    buffered: u64,
    /// Datagrams that the kernel dropped because its buffer was full. Never read, so not
    /// counted as received.
    dropped_by_kernel: u64,
}

impl Ledger {
    /// A document arrived and is buffered.
    pub(crate) fn receive(&mut self) {
        self.received += 1;
        self.buffered += 1;
    }

    /// A datagram arrived that is not a document.
    pub(crate) fn reject_on_arrival(&mut self) {
        self.received += 1;
        self.rejected += 1;
    }

    /// A document arrived that the policy or the rules of keeping filtered out.
    pub(crate) fn filter_on_arrival(&mut self) {
        self.received += 1;
        self.filtered += 1;
    }

    /// The sink has these buffered documents.
    pub(crate) fn send(&mut self, documents: usize) {
        self.sent += self.leave(documents);
    }

    /// The sink will never accept these buffered documents.
    pub(crate) fn reject(&mut self, documents: usize) {
        self.rejected += self.leave(documents);
    }

    /// These buffered documents were given up for want of space or time.
    pub(crate) fn drop(&mut self, documents: usize) {
        self.dropped += self.leave(documents);
    }

    /// A newer version replaced a buffered document.
    pub(crate) fn replace(&mut self) {
        self.replaced += self.leave(1);
    }

    /// Sets the number of datagrams that the kernel has dropped so far.
    pub(crate) fn set_dropped_by_kernel(&mut self, datagrams: u64) {
        self.dropped_by_kernel = datagrams;
    }

    fn leave(&mut self, documents: usize) -> u64 {
        let leaving = (documents as u64).min(self.buffered);
        self.buffered -= leaving;
        leaving
    }

    /// Whether a document that was meant to arrive did not and will not. Filtered documents
    /// are not losses.
    pub(crate) fn has_losses(&self) -> bool {
        self.rejected + self.dropped + self.dropped_by_kernel > 0
    }
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
                "; and {dropped_by_kernel} datagrams lost before they could be read, since the kernel's buffer was full (net.core.rmem_max)"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
impl Ledger {
    /// Documents and malformed datagrams that arrived.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// Documents that the sink has.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// Documents that the sink refused for good, and malformed datagrams.
    pub(crate) fn rejected(&self) -> u64 {
        self.rejected
    }

    /// Documents given up because the buffer was full or the environment ended.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// In-progress documents that were never sent, because their complete version came first.
    pub(crate) fn replaced(&self) -> u64 {
        self.replaced
    }

    /// Documents that may not leave or were not worth keeping.
    pub(crate) fn filtered(&self) -> u64 {
        self.filtered
    }

    /// Documents that wait or are in flight.
    pub(crate) fn buffered(&self) -> u64 {
        self.buffered
    }

    /// Whether the account is complete, which is an invariant.
    pub(crate) fn adds_up(&self) -> bool {
        let Self {
            received,
            sent,
            rejected,
            dropped,
            replaced,
            filtered,
            buffered,
            dropped_by_kernel: _,
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
        assert!(ledger.adds_up() && !ledger.has_losses());
        assert_eq!((ledger.received(), ledger.filtered()), (2, 1));
        assert!(ledger.to_string().ends_with("1 filtered out"), "{ledger}");
    }
}
