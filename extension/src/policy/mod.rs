//! The second stage: what documents that leave the sandbox may contain.
//!
//! A policy sees each document before it is buffered. It passes the document on, changes it,
//! or filters it out. Without `XRAY_LAMBDA_POLICY` the policy is [`AllowAll`].

mod configured;

use std::fmt;

use crate::Log;
use crate::raw_document::RawDocument;

pub use configured::ConfiguredPolicy;

/// Decides for each document whether and how it may leave the sandbox.
pub trait Policy: fmt::Debug + Send + 'static {
    /// Returns the document as it may leave, or `None` to filter it out.
    fn apply(&mut self, document: RawDocument, log: &mut Log) -> Option<RawDocument>;

    /// One line about all documents so far; `None` if there is nothing to say.
    fn summary(&self) -> Option<String> {
        None
    }
}

/// Passes on every document unchanged.
#[derive(Debug)]
pub struct AllowAll;

impl Policy for AllowAll {
    fn apply(&mut self, document: RawDocument, _: &mut Log) -> Option<RawDocument> {
        Some(document)
    }
}
