use std::collections::HashSet;

use xray_document::{Document, SegmentId, Subsegment};

use crate::compile::is_traced;
use crate::contract::Trace;

/// The segments and subsegments of a trace (the X-Ray SDKs call both "entities").
pub(super) struct Entities {
    /// The ids of all segments and subsegments.
    pub(super) ids: HashSet<SegmentId>,
    /// The ids that segments name as their parents.
    callers: HashSet<SegmentId>,
    /// Calls whose callee sends its own segment.
    traced_calls: Vec<SegmentId>,
}

impl Entities {
    pub(super) fn new(trace: &Trace) -> Self {
        let mut entities = Self {
            ids: HashSet::new(),
            callers: HashSet::new(),
            traced_calls: Vec::new(),
        };
        for entry in &trace.segments {
            match &entry.document {
                Document::Segment(segment) => {
                    entities.ids.insert(segment.id);
                    entities.callers.extend(segment.parent_id);
                    segment
                        .subsegments
                        .iter()
                        .for_each(|child| entities.visit(child));
                }
                Document::Subsegment(subsegment) => entities.visit(subsegment),
            }
        }
        entities
    }

    /// Returns `true` if a call is marked `traced`, but no segment names it as its parent.
    pub(super) fn has_missing_callee(&self) -> bool {
        self.traced_calls
            .iter()
            .any(|call| !self.callers.contains(call))
    }

    fn visit(&mut self, subsegment: &Subsegment) {
        self.ids.insert(subsegment.id);
        if is_traced(subsegment) {
            self.traced_calls.push(subsegment.id);
        }
        subsegment
            .subsegments
            .iter()
            .for_each(|child| self.visit(child));
    }
}
