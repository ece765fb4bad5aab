use std::fmt;

/// Where every document that ever arrived has gone:
/// `received = sent + rejected + dropped + replaced + buffered`, whatever happens.
///
/// Each method is one step of a document's way and keeps the sum, so that no caller can
/// count one side only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ledger {
    received: u64,
    sent: u64,
    rejected: u64,
    dropped: u64,
    replaced: u64,
    buffered: u64,
    unread: u64,
}

impl Ledger {
    /// A document came in and is kept.
    pub(crate) fn keep(&mut self) {
        self.received += 1;
        self.buffered += 1;
    }

    /// Something came in that is no document.
    pub fn refuse(&mut self) {
        self.received += 1;
        self.rejected += 1;
    }

    /// Kept documents that X-Ray took.
    pub(crate) fn send(&mut self, documents: usize) {
        self.sent += self.leave(documents);
    }

    /// Kept documents that X-Ray will never take.
    pub(crate) fn reject(&mut self, documents: usize) {
        self.rejected += self.leave(documents);
    }

    /// Kept documents that there was no room or no time for.
    pub(crate) fn drop(&mut self, documents: usize) {
        self.dropped += self.leave(documents);
    }

    /// A kept document whose newer version goes in its place.
    pub(crate) fn replace(&mut self) {
        self.replaced += self.leave(1);
    }

    /// What the kernel lost before it could be received, in all so far.
    pub(crate) fn lose_unread(&mut self, datagrams: u64) {
        self.unread = datagrams;
    }

    fn leave(&mut self, documents: usize) -> u64 {
        let leaving = (documents as u64).min(self.buffered);
        self.buffered -= leaving;
        leaving
    }

    pub fn received(&self) -> u64 {
        self.received
    }

    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Documents that X-Ray refuses, and datagrams that are none.
    pub fn rejected(&self) -> u64 {
        self.rejected
    }

    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// In-progress documents that never went, since their complete version came in time.
    pub fn replaced(&self) -> u64 {
        self.replaced
    }

    /// Datagrams that the kernel had no room for: nobody has seen them, so that they are
    /// none of those received.
    pub fn unread(&self) -> u64 {
        self.unread
    }

    /// Waiting, or on the wire without an answer yet.
    pub fn buffered(&self) -> u64 {
        self.buffered
    }

    pub fn adds_up(&self) -> bool {
        self.received == self.sent + self.rejected + self.dropped + self.replaced + self.buffered
    }

    /// Whether anything that was sent to us did not, and will not, reach X-Ray.
    pub fn has_losses(&self) -> bool {
        self.rejected + self.dropped + self.unread > 0
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
            buffered,
            unread,
        } = self;
        write!(
            f,
            "{received} documents received: {sent} sent, {rejected} rejected, {dropped} dropped, {buffered} buffered"
        )?;
        if *replaced > 0 {
            write!(f, ", {replaced} replaced by their complete versions")?;
        }
        if *unread > 0 {
            write!(
                f,
                "; and {unread} datagrams lost before they could be read, since the kernel's buffer was full (net.core.rmem_max)"
            )?;
        }
        Ok(())
    }
}
