//! The fourth stage: documents that wait to be sent, bounded in bytes and counted without
//! a gap. Each sink has a [`DocumentBuffer`] and a [`Ledger`] of its own.

mod document_buffer;
mod ledger;

pub(crate) use document_buffer::Batch;
pub(crate) use document_buffer::DocumentBuffer;
pub(crate) use ledger::Ledger;

/// The most that one batch may hold. Each sink sets its own limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// Documents of a batch.
    pub documents: usize,
    /// Bytes of a batch's documents, as JSON.
    pub bytes: usize,
}
