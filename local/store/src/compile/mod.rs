//! Compiles the documents of a trace into the trace that `BatchGetTraces` returns.

mod inferred;
mod tree;

use xray_document::{Document, TraceId};

pub(crate) use inferred::{is_traced, resource};

use crate::contract::{Trace, TraceSegment};
use crate::fields::{latest_time, start_time};

/// Compiles a trace: puts independent subsegments under their parents, and appends inferred
/// segments. The result does not depend on the order of `documents`.
pub(crate) fn compile(id: TraceId, documents: Vec<Document>, limit_exceeded: bool) -> Trace {
    let mut documents = tree::build(id, documents);
    let inferred = inferred::segments(id, &documents);
    documents.extend(
        inferred
            .into_iter()
            .map(|segment| Document::Segment(Box::new(segment))),
    );
    let duration = duration(&documents);
    let segments = documents
        .into_iter()
        .map(|document| TraceSegment {
            id: document.id(),
            document,
        })
        .collect();
    Trace {
        id,
        duration,
        limit_exceeded,
        segments,
    }
}

/// Seconds from the earliest start to the latest end.
fn duration(documents: &[Document]) -> f64 {
    let start = documents.iter().map(start_time).min();
    let end = documents.iter().map(latest_time).max();
    match (start, end) {
        (Some(start), Some(end)) => end.since(start).as_secs_f64(),
        _ => 0.0,
    }
}
