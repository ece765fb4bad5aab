//! Builds and inspects the documents of the tests.

use std::time::Duration;

use serde_json::{Value, json};
use xray_document::{Document, Segment, SegmentId, Subsegment, Timestamp, TraceId};
use xray_local_store::{PutResult, Store, SummaryQuery, TimeRange, Trace, TraceSummary};

pub(crate) const TRACE: &str = "1-6750a1b2-00112233445566778899aabb";

/// The time in [`TRACE`], in epoch seconds.
pub(crate) const EPOCH: f64 = 1_733_337_522.0;

pub(crate) fn trace_id() -> TraceId {
    TRACE.parse().unwrap()
}

pub(crate) fn id(text: &str) -> SegmentId {
    text.parse().unwrap()
}

/// The segment id whose number is `n`.
pub(crate) fn nth(n: u64) -> String {
    SegmentId::from_u64(n).to_string()
}

/// A complete segment from `start` to `end`, in seconds after [`EPOCH`], with the fields of
/// `more`.
pub(crate) fn segment(n: u64, start: f64, end: f64, more: Value) -> Value {
    let own = json!({
        "name": format!("service-{n}"), "id": nth(n), "trace_id": TRACE,
        "start_time": EPOCH + start, "end_time": EPOCH + end,
    });
    merged(own, more)
}

/// A complete independent subsegment.
pub(crate) fn subsegment(n: u64, parent: u64, start: f64, end: f64, more: Value) -> Value {
    let own = json!({
        "type": "subsegment", "name": format!("step-{n}"), "id": nth(n), "trace_id": TRACE,
        "parent_id": nth(parent), "start_time": EPOCH + start, "end_time": EPOCH + end,
    });
    merged(own, more)
}

/// A complete embedded subsegment.
pub(crate) fn embedded(n: u64, start: f64, end: f64, more: Value) -> Value {
    let own = json!({
        "name": format!("step-{n}"), "id": nth(n),
        "start_time": EPOCH + start, "end_time": EPOCH + end,
    });
    merged(own, more)
}

/// The in-progress version of `document`.
pub(crate) fn in_progress(mut document: Value) -> Value {
    let members = document.as_object_mut().unwrap();
    members.remove("end_time");
    members.insert("in_progress".to_owned(), true.into());
    document
}

fn merged(mut own: Value, more: Value) -> Value {
    if let Value::Object(more) = more {
        own.as_object_mut().unwrap().extend(more);
    }
    own
}

pub(crate) fn put(store: &Store, documents: &[Value]) -> Vec<PutResult> {
    let texts: Vec<String> = documents.iter().map(Value::to_string).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    store.put_json(&texts).unwrap()
}

/// A store with all of `documents`.
pub(crate) fn store_of(documents: &[Value]) -> Store {
    let store = Store::in_memory().unwrap();
    for (result, document) in put(&store, documents).into_iter().zip(documents) {
        result.unwrap_or_else(|error| panic!("{document}: {error}"));
    }
    store
}

pub(crate) fn trace_of(store: &Store) -> Trace {
    store
        .traces(&[trace_id()])
        .unwrap()
        .pop()
        .expect("the trace is in the store")
}

pub(crate) fn compile(documents: &[Value]) -> Trace {
    trace_of(&store_of(documents))
}

pub(crate) fn summary(documents: &[Value]) -> TraceSummary {
    store_of(documents)
        .summary(trace_id())
        .unwrap()
        .expect("the trace is in the store")
}

/// The ids of all traces of the store, newest first.
pub(crate) fn trace_ids(store: &Store) -> Vec<TraceId> {
    let query = SummaryQuery {
        start: Timestamp::from_micros(0),
        end: Timestamp::now() + Duration::from_secs(3600),
        range: TimeRange::TraceId,
        limit: 100,
        after: None,
    };
    store
        .summaries(&query)
        .unwrap()
        .summaries
        .into_iter()
        .map(|summary| summary.id)
        .collect()
}

/// The shape of a trace, such as `1(2(3) 4) ?5 *4`: the numbers of the ids ([`nth`]), with
/// children in parentheses. `?` marks a top-level subsegment. `*` marks an inferred segment
/// and stands before the number of its call.
pub(crate) fn shape(trace: &Trace) -> String {
    let shapes = trace
        .segments
        .iter()
        .map(|segment| match &segment.document {
            Document::Segment(segment) if segment.inferred => {
                format!("*{}", segment.parent_id.unwrap().as_u64())
            }
            Document::Segment(segment) => shape_of_segment(segment),
            Document::Subsegment(subsegment) => format!("?{}", shape_of_subsegment(subsegment)),
        });
    shapes.collect::<Vec<_>>().join(" ")
}

fn shape_of_segment(segment: &Segment) -> String {
    with_children(segment.id, &segment.subsegments)
}

fn shape_of_subsegment(subsegment: &Subsegment) -> String {
    with_children(subsegment.id, &subsegment.subsegments)
}

fn with_children(id: SegmentId, children: &[Subsegment]) -> String {
    let id = id.as_u64();
    if children.is_empty() {
        return id.to_string();
    }
    let children: Vec<String> = children.iter().map(shape_of_subsegment).collect();
    format!("{id}({})", children.join(" "))
}
