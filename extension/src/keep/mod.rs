//! The third stage: which traces are worth keeping.
//!
//! A rule sees each document that the policy passed on, and keeps it or filters it out. The
//! only rule so far is [`KeepAll`], because X-Ray's sampling has already decided.

use std::fmt;

use crate::raw_document::RawDocument;

/// Decides for each document whether it is kept.
pub trait Keep: fmt::Debug + Send + 'static {
    /// Returns whether to keep the document; otherwise it is filtered out.
    fn is_kept(&mut self, document: &RawDocument) -> bool;
}

/// Keeps every document.
#[derive(Debug)]
pub struct KeepAll;

impl Keep for KeepAll {
    fn is_kept(&mut self, _: &RawDocument) -> bool {
        true
    }
}
