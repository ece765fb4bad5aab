//! The fourth stage: documents that wait to be sent, bounded in bytes. Each sink has its own
//! [`DocumentBuffer`], and a [`Ledger`] that counts what becomes of each document.

mod document_buffer;
mod ledger;

pub(crate) use document_buffer::{Batch, DocumentBuffer};
pub(crate) use ledger::Ledger;

/// The limits of one batch. Each sink sets its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// The most documents.
    pub documents: usize,
    /// The most bytes of documents, as JSON.
    pub bytes: usize,
}
