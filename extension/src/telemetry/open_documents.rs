use std::collections::VecDeque;

use serde::Deserialize;
use serde_json::{Map, Value};
use xray_document::{Cause, SegmentId, Timestamp, TraceId};

use crate::raw_document::RawDocument;

/// The documents in progress that passed through the extension and whose complete version did
/// not. If the function times out or crashes, nobody else can complete
/// them.
#[derive(Debug, Default)]
pub(super) struct OpenDocuments {
    /// Oldest first.
    documents: VecDeque<RawDocument>,
    bytes: usize,
    /// The start times of documents in progress, oldest first: clock readings of their
    /// invocations.
    starts: VecDeque<(TraceId, Timestamp)>,
}

/// The most bytes of open documents. Beyond it the oldest are left as they are.
const MAX_BYTES: usize = 128 * 1024;

/// The most start times. An invocation needs those since its own start.
const MAX_STARTS: usize = 64;

/// An invocation's part of the open documents.
#[derive(Debug, Clone, Copy)]
pub(super) struct Selection {
    pub(super) trace_id: TraceId,
    /// The parents of the invocation's topmost subsegments. `None` if only one invocation runs
    /// at a time, so that all documents of the trace belong to it.
    pub(super) parents: Option<[Option<SegmentId>; 2]>,
}

impl OpenDocuments {
    /// Adds a document in progress, or removes it if this is its complete version.
    pub(super) fn observe(&mut self, document: &RawDocument) {
        let known = self
            .documents
            .iter()
            .rposition(|open| open.id == document.id && open.trace_id == document.trace_id);
        if let Some(known) = known
            && let Some(removed) = self.documents.remove(known)
        {
            self.bytes -= removed.bytes();
        }
        if !document.in_progress {
            return;
        }
        self.bytes += document.bytes();
        self.documents.push_back(document.clone());
        while self.bytes > MAX_BYTES
            && let Some(oldest) = self.documents.pop_front()
        {
            self.bytes -= oldest.bytes();
        }
        if let Some(start) = document.trace_id.zip(start_time(&document.json)) {
            if self.starts.len() == MAX_STARTS {
                self.starts.pop_front();
            }
            self.starts.push_back(start);
        }
    }

    /// The start times of the trace's documents in progress, open or not.
    pub(super) fn starts(&self, trace_id: TraceId) -> impl Iterator<Item = Timestamp> {
        let of_trace =
            move |(trace, start): &(TraceId, Timestamp)| (*trace == trace_id).then_some(*start);
        self.starts.iter().filter_map(of_trace)
    }

    /// Removes the open documents of an invocation. Returns their complete versions, with a
    /// fault and its cause; an invocation ends them at `end`.
    pub(super) fn complete(
        &mut self,
        selection: Selection,
        end: Timestamp,
        cause: &Cause,
    ) -> Vec<RawDocument> {
        self.take(selection)
            .into_iter()
            .filter_map(|document| completed(&document, end, cause))
            .collect()
    }

    /// Removes the open documents of an invocation.
    pub(super) fn take(&mut self, selection: Selection) -> Vec<RawDocument> {
        let mut taken: Vec<RawDocument> = Vec::new();
        let mut index = 0;
        while let Some(document) = self.documents.get(index) {
            let is_selected = document.trace_id == Some(selection.trace_id)
                && selection.parents.is_none_or(|parents| {
                    // A parent is sent before its children.
                    parent_id(&document.json).is_some_and(|parent| {
                        parents.contains(&Some(parent))
                            || taken.iter().any(|document| document.id == parent)
                    })
                });
            if is_selected && let Some(document) = self.documents.remove(index) {
                self.bytes -= document.bytes();
                taken.push(document);
            } else {
                index += 1;
            }
        }
        taken
    }
}

/// The complete version of a document, with all other fields as they were sent.
fn completed(document: &RawDocument, end: Timestamp, cause: &Cause) -> Option<RawDocument> {
    let mut fields: Map<String, Value> = serde_json::from_str(&document.json).ok()?;
    complete_fields(&mut fields, end, &serde_json::to_value(cause).ok()?);
    let json = serde_json::to_string(&fields).ok()?;
    Some(RawDocument::new(
        document.trace_id,
        document.id,
        false,
        json,
    ))
}

/// Completes a segment or subsegment, and the embedded ones that are in progress.
fn complete_fields(fields: &mut Map<String, Value>, end: Timestamp, cause: &Value) {
    fields.remove("in_progress");
    // A subsegment that began on another clock must not end before it begins.
    let start = fields.get("start_time").and_then(Value::as_f64);
    let end_time = end.as_seconds().max(start.unwrap_or(0.0));
    fields.insert("end_time".to_owned(), Value::from(end_time));
    fields.insert("fault".to_owned(), Value::Bool(true));
    fields.insert("cause".to_owned(), cause.clone());
    let Some(Value::Array(embedded)) = fields.get_mut("subsegments") else {
        return;
    };
    for subsegment in embedded.iter_mut().filter_map(Value::as_object_mut) {
        if subsegment.get("in_progress") == Some(&Value::Bool(true)) {
            complete_fields(subsegment, end, cause);
        }
    }
}

fn start_time(json: &str) -> Option<Timestamp> {
    #[derive(Deserialize)]
    struct Fields {
        start_time: Timestamp,
    }
    let fields: Fields = serde_json::from_str(json).ok()?;
    Some(fields.start_time)
}

fn parent_id(json: &str) -> Option<SegmentId> {
    #[derive(Deserialize)]
    struct Fields {
        parent_id: SegmentId,
    }
    let fields: Fields = serde_json::from_str(json).ok()?;
    Some(fields.parent_id)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use xray_document::{Exception, Exceptions};

    use super::*;

    const ROOT: &str = "1-6750a1b2-00112233445566778899aabb";

    fn document(id: u64, parent: u64, more: &str) -> RawDocument {
        let (id, parent) = (SegmentId::from_u64(id), SegmentId::from_u64(parent));
        let in_progress = more.starts_with(r#""in_progress""#);
        let json = format!(
            r#"{{"id":"{id}","name":"work","trace_id":"{ROOT}","parent_id":"{parent}","type":"subsegment","start_time":1733337522.125,{more}}}"#
        );
        RawDocument::new(ROOT.parse().ok(), id, in_progress, json)
    }

    fn open(id: u64, parent: u64) -> RawDocument {
        document(id, parent, r#""in_progress":true"#)
    }

    fn selection(parents: Option<[Option<SegmentId>; 2]>) -> Selection {
        Selection {
            trace_id: ROOT.parse().unwrap(),
            parents,
        }
    }

    fn cause() -> Cause {
        Cause::Exceptions(Exceptions {
            exceptions: vec![Exception::new("Sandbox.Timedout", "m")],
            ..Exceptions::default()
        })
    }

    fn ids(documents: &[RawDocument]) -> Vec<u64> {
        documents
            .iter()
            .map(|document| document.id.as_u64())
            .collect()
    }

    #[test]
    fn the_complete_version_has_all_fields_of_the_open_one() {
        let mut documents = OpenDocuments::default();
        documents.observe(&document(
            1,
            9,
            r#""in_progress":true,"namespace":"aws","metadata":{"new":{"a":[1]}},"unknown":7,"subsegments":[{"id":"00000000000000aa","name":"inner","start_time":1733337522.5,"in_progress":true},{"id":"00000000000000ab","name":"done","start_time":1733337522.2,"end_time":1733337522.3}]"#,
        ));
        let end = Timestamp::from_micros(1_733_337_525_125_250);
        let completed = documents.complete(selection(None), end, &cause());
        let json: Value = serde_json::from_str(&completed[0].json).unwrap();
        assert!(!completed[0].in_progress && json.get("in_progress").is_none());
        assert_eq!(json["end_time"], 1_733_337_525.125_25);
        assert_eq!(json["fault"], true);
        assert_eq!(json["cause"]["exceptions"][0]["type"], "Sandbox.Timedout");
        assert_eq!(
            (&json["namespace"], &json["unknown"]),
            (&json!("aws"), &json!(7))
        );
        assert_eq!(json["metadata"]["new"]["a"], json!([1]));
        assert_eq!(json["subsegments"][0]["end_time"], 1_733_337_525.125_25);
        assert_eq!(json["subsegments"][1]["end_time"], 1_733_337_522.3);
        assert!(
            documents
                .complete(selection(None), end, &cause())
                .is_empty()
        );
    }

    #[test]
    fn a_document_that_was_completed_is_not_completed_again() {
        let mut documents = OpenDocuments::default();
        documents.observe(&open(1, 9));
        documents.observe(&open(2, 1));
        documents.observe(&document(1, 9, r#""end_time":1733337523"#));
        assert_eq!(ids(&documents.take(selection(None))), [2]);
        assert_eq!(documents.bytes, 0);
    }

    #[test]
    fn concurrent_invocations_of_one_trace_are_told_apart_by_their_parents() {
        let mut documents = OpenDocuments::default();
        for (id, parent) in [(1, 100), (2, 200), (3, 1), (4, 2), (5, 3)] {
            documents.observe(&open(id, parent));
        }
        let first = Some([Some(SegmentId::from_u64(100)), None]);
        assert_eq!(ids(&documents.take(selection(first))), [1, 3, 5]);
        assert_eq!(ids(&documents.take(selection(None))), [2, 4]);
    }

    #[test]
    fn open_documents_are_bounded_in_bytes() {
        let mut documents = OpenDocuments::default();
        for id in 1..5_000 {
            documents.observe(&open(id, 9));
        }
        assert!(documents.bytes <= MAX_BYTES && documents.starts.len() <= MAX_STARTS);
        let taken = documents.take(selection(None));
        assert_eq!(taken.last().unwrap().id.as_u64(), 4_999);
        assert_eq!(documents.bytes, 0);
    }
}
