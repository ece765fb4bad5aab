//! The second stage: what may leave the sandbox.
//!
//! A policy sees each document before anything is kept of it. It may pass the document on,
//! change it, or filter it out. There is one policy today, [`AllowAll`].

use std::fmt;

use crate::raw_document::RawDocument;

/// Decides what may leave, document by document.
pub trait Policy: fmt::Debug + Send + 'static {
    /// The document as it may leave, or `None` to filter it out.
    fn apply(&mut self, document: RawDocument) -> Option<RawDocument>;
}

/// Every document may leave as it is.
#[derive(Debug)]
pub struct AllowAll;

impl Policy for AllowAll {
    fn apply(&mut self, document: RawDocument) -> Option<RawDocument> {
        Some(document)
    }
}
