//! The second stage: which documents may leave the sandbox.
//!
//! A policy sees each document before it is buffered. It passes the document on, changes it,
//! or filters it out. The only policy so far is [`AllowAll`].

use std::fmt;

use crate::raw_document::RawDocument;

/// Decides for each document whether and how it may leave the sandbox.
pub trait Policy: fmt::Debug + Send + 'static {
    /// Returns the document as it may leave, or `None` to filter it out.
    fn apply(&mut self, document: RawDocument) -> Option<RawDocument>;
}

/// Passes on every document unchanged.
#[derive(Debug)]
pub struct AllowAll;

impl Policy for AllowAll {
    fn apply(&mut self, document: RawDocument) -> Option<RawDocument> {
        Some(document)
    }
}
