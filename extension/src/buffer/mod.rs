//! The fourth stage: documents that wait to be sent, bounded in bytes. Each sink has its own
//! [`DocumentBuffer`], and a [`Ledger`] that counts what becomes of each document.

mod document_buffer;
mod ledger;
mod limits;

pub(crate) use document_buffer::{Batch, DocumentBuffer};
pub use ledger::Counts;
pub(crate) use ledger::Ledger;
pub(crate) use limits::BatchLimits;
