//! The third stage: which traces are worth keeping.
//!
//! A document that may leave is kept or filtered out by what its trace is worth. There is
//! one rule today, [`KeepAll`]: Lambda's own sampling has decided already.

use std::fmt;

use crate::raw_document::RawDocument;

/// Decides which documents are kept.
pub trait Keep: fmt::Debug + Send + 'static {
    /// Whether the document is kept; if not, it is filtered out.
    fn is_kept(&mut self, document: &RawDocument) -> bool;
}

/// Every document is kept.
#[derive(Debug)]
pub struct KeepAll;

impl Keep for KeepAll {
    fn is_kept(&mut self, _: &RawDocument) -> bool {
        true
    }
}
