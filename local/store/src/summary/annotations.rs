use std::collections::BTreeMap;

use xray_document::limits::MAX_ANNOTATIONS_PER_TRACE;
use xray_document::{AnnotationValue, Annotations, Document, Subsegment, is_annotation_key};

use super::distinct::add_distinct;
use crate::contract::{AnnotationWithServices, ServiceId};

/// The annotations of all segments and subsegments of a trace: for each key its distinct
/// values, each with the services that recorded it.
#[derive(Default)]
pub(super) struct AnnotationIndex {
    keys: BTreeMap<String, Vec<AnnotationWithServices>>,
    cold_start: bool,
}

impl AnnotationIndex {
    pub(super) fn collect(&mut self, document: &Document, service: Option<&ServiceId>) {
        match document {
            Document::Segment(segment) => {
                self.add(&segment.annotations, service);
                self.collect_below(&segment.subsegments, service);
            }
            Document::Subsegment(subsegment) => {
                self.collect_below(std::slice::from_ref(subsegment), service);
            }
        }
    }

    fn collect_below(&mut self, subsegments: &[Subsegment], service: Option<&ServiceId>) {
        for subsegment in subsegments {
            self.add(&subsegment.annotations, service);
            self.collect_below(&subsegment.subsegments, service);
        }
    }

    fn add(&mut self, annotations: &Annotations, service: Option<&ServiceId>) {
        for (key, value) in annotations.iter().filter(|(key, _)| is_annotation_key(key)) {
            self.cold_start |= key == "ColdStart" && *value == AnnotationValue::Boolean(true);
            if self.keys.len() == MAX_ANNOTATIONS_PER_TRACE && !self.keys.contains_key(key) {
                continue;
            }
            let values = self.keys.entry(key.clone()).or_default();
            let at = values
                .iter()
                .position(|known| known.value == *value)
                .unwrap_or_else(|| {
                    let value = value.clone();
                    values.push(AnnotationWithServices {
                        value,
                        service_ids: Vec::new(),
                    });
                    values.len() - 1
                });
            add_distinct(&mut values[at].service_ids, service.cloned());
        }
    }

    /// Returns `true` if an annotation `ColdStart` is true. Powertools for AWS Lambda and our
    /// wrapper write it.
    pub(super) fn has_cold_start(&self) -> bool {
        self.cold_start
    }

    pub(super) fn into_map(self) -> BTreeMap<String, Vec<AnnotationWithServices>> {
        self.keys
    }
}
