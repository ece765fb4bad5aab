use std::collections::{HashMap, HashSet};

use xray_document::{Document, Segment, SegmentId, Subsegment};

use crate::compile::resource;
use crate::contract::{ServiceId, Trace};

/// The nodes that a trace adds to the service graph, in order of appearance.
pub(super) struct Services {
    nodes: Vec<ServiceId>,
    of_segment: HashMap<SegmentId, usize>,
}

impl Services {
    pub(super) fn new(trace: &Trace) -> Self {
        let database_calls = database_calls(trace);
        let mut services = Self {
            nodes: Vec::new(),
            of_segment: HashMap::new(),
        };
        for entry in &trace.segments {
            if let Document::Segment(segment) = &entry.document {
                let node = if segment.inferred {
                    inferred_node(segment, &database_calls)
                } else {
                    node(segment)
                };
                services.add(segment.id, node);
            }
        }
        services
    }

    /// Returns the service of a segment; `None` for a subsegment without its segment.
    pub(super) fn of_segment(&self, id: SegmentId) -> Option<&ServiceId> {
        self.of_segment.get(&id).map(|&node| &self.nodes[node])
    }

    pub(super) fn into_nodes(self) -> Vec<ServiceId> {
        self.nodes
    }

    fn add(&mut self, segment: SegmentId, node: ServiceId) {
        let at = self
            .nodes
            .iter()
            .position(|known| *known == node)
            .unwrap_or_else(|| {
                self.nodes.push(node);
                self.nodes.len() - 1
            });
        self.of_segment.insert(segment, at);
    }
}

/// Returns the node of a service that sent its own segment.
fn node(segment: &Segment) -> ServiceId {
    service_id(
        segment.name.clone(),
        account_id(segment),
        segment.origin.clone(),
    )
}

/// Returns the node of an inferred service: an AWS resource with its own name, a database,
/// or a remote service.
fn inferred_node(segment: &Segment, database_calls: &HashSet<SegmentId>) -> ServiceId {
    if let Some(kind) = &segment.origin {
        let name = resource(&segment.name, &segment.aws).name;
        let name = name.unwrap_or_else(|| segment.name.clone());
        return service_id(name, account_id(segment), Some(kind.clone()));
    }
    let is_database = segment
        .parent_id
        .is_some_and(|call| database_calls.contains(&call));
    let kind = if is_database {
        "Database::SQL"
    } else {
        "remote"
    };
    service_id(segment.name.clone(), None, Some(kind.to_owned()))
}

fn service_id(name: String, account_id: Option<String>, kind: Option<String>) -> ServiceId {
    ServiceId {
        names: vec![name.clone()],
        name,
        account_id,
        kind,
    }
}

fn account_id(segment: &Segment) -> Option<String> {
    segment.aws.str("account_id")
}

/// Returns the calls with an `sql` object. Inferred segments do not copy this object, so it
/// is read from the call.
fn database_calls(trace: &Trace) -> HashSet<SegmentId> {
    fn visit(subsegments: &[Subsegment], found: &mut HashSet<SegmentId>) {
        for subsegment in subsegments {
            found.extend(subsegment.sql.is_some().then_some(subsegment.id));
            visit(&subsegment.subsegments, found);
        }
    }
    let mut found = HashSet::new();
    for entry in &trace.segments {
        match &entry.document {
            Document::Segment(segment) => visit(&segment.subsegments, &mut found),
            Document::Subsegment(subsegment) => {
                visit(std::slice::from_ref(&**subsegment), &mut found);
            }
        }
    }
    found
}
