//! The third stage: which traces are worth keeping.
//!
//! Keep rules see each document that the policy passed on. They keep it, filter it out, or let
//! it wait until the outcome of its invocation is known. Without `XRAY_LAMBDA_KEEP` every
//! document is kept ([`KeepAll`]), because X-Ray's sampling has already decided.

mod configured;
mod facts;
mod quantile;
mod rules;
mod traces;

use std::fmt;

use xray_document::Timestamp;

use crate::Log;
use crate::raw_document::RawDocument;
use crate::telemetry::InvocationOutcome;

pub use configured::ConfiguredKeep;

/// Decides for each trace whether its documents are kept.
pub trait Keep: fmt::Debug + Send + 'static {
    /// Decides about a document.
    fn accept(&mut self, document: RawDocument, log: &mut Log) -> Verdict;

    /// Sees an INVOKE with its trace header.
    fn invocation_started(&mut self, _header: &str, _log: &mut Log) -> Decided {
        Decided::default()
    }

    /// Decides about the trace of an invocation that ended.
    fn invocation_ended(
        &mut self,
        _outcome: &InvocationOutcome,
        _now: Timestamp,
        _log: &mut Log,
    ) -> Decided {
        Decided::default()
    }

    /// Returns whether an outcome that decides about a trace has yet to come.
    fn awaits_outcome(&self) -> bool {
        false
    }

    /// Keeps all documents that wait, because the environment ends. From now on, a document of an
    /// undecided trace is kept.
    fn shut_down(&mut self) -> Decided {
        Decided::default()
    }

    /// One line about all traces so far; `None` if there is nothing to say.
    fn summary(&self) -> Option<String> {
        None
    }
}

/// The decision about one document.
#[derive(Debug)]
pub enum Verdict {
    /// The document is kept.
    Kept(RawDocument),
    /// The document is filtered out.
    Filtered,
    /// The document waits. Others may be decided, because space ran out.
    Waits(Decided),
}

/// The decisions about documents that waited.
#[derive(Debug, Default)]
pub struct Decided {
    /// The kept documents, in the order of their arrival for each trace.
    pub(crate) kept: Vec<RawDocument>,
    /// The number of documents that are filtered out.
    pub(crate) filtered: usize,
}

/// Keeps every document.
#[derive(Debug)]
pub struct KeepAll;

impl Keep for KeepAll {
    fn accept(&mut self, document: RawDocument, _: &mut Log) -> Verdict {
        Verdict::Kept(document)
    }
}
