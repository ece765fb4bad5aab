use std::collections::{BTreeMap, HashMap};

use xray_document::{
    AnnotationValue, Cause, Document, Namespace, Segment, SegmentId, Subsegment, Timestamp,
};
use xray_local_store::Trace;

/// A segment or subsegment with everything beneath it.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: String,
    /// A segment's origin, or the operation of an AWS or HTTP call.
    pub(super) detail: String,
    pub(super) start: Timestamp,
    pub(super) end: Option<Timestamp>,
    pub(super) error: bool,
    pub(super) throttle: bool,
    pub(super) fault: bool,
    pub(super) status: Option<i64>,
    pub(super) cause: Option<String>,
    pub(super) annotations: BTreeMap<String, AnnotationValue>,
    pub(super) children: Vec<Node>,
    id: SegmentId,
}

/// The trace's roots. A segment is a child of the subsegment that called it.
///
/// Inferred segments are skipped, because they repeat their subsegment.
pub(super) fn roots(trace: &Trace) -> Vec<Node> {
    let mut by_parent: HashMap<SegmentId, Vec<Node>> = HashMap::new();
    let mut roots = Vec::new();
    for segment in &trace.segments {
        let (node, parent) = match &segment.document {
            Document::Segment(segment) if segment.inferred => continue,
            Document::Segment(segment) => (Node::segment(segment), segment.parent_id),
            Document::Subsegment(subsegment) => {
                (Node::subsegment(subsegment), subsegment.parent_id)
            }
        };
        match parent {
            Some(parent) => by_parent.entry(parent).or_default().push(node),
            None => roots.push(node),
        }
    }
    for root in &mut roots {
        root.attach_children(&mut by_parent);
    }
    // The other segments have a parent that never arrived, or are part of a cycle. Each such
    // tree gets a root of its own.
    while let Some(parent) = missing_parent(&by_parent) {
        for mut node in by_parent.remove(&parent).unwrap_or_default() {
            node.attach_children(&mut by_parent);
            roots.push(node);
        }
    }
    sort(&mut roots);
    roots
}

/// A parent id that is not the id of any of these nodes. If all nodes form cycles, the first one.
fn missing_parent(by_parent: &HashMap<SegmentId, Vec<Node>>) -> Option<SegmentId> {
    let known: Vec<SegmentId> = by_parent.values().flatten().flat_map(Node::ids).collect();
    let mut parents: Vec<_> = by_parent.keys().copied().collect();
    parents.sort();
    parents
        .iter()
        .find(|parent| !known.contains(parent))
        .or(parents.first())
        .copied()
}

fn sort(nodes: &mut [Node]) {
    nodes.sort_by_key(|node| (node.start, node.end, node.id));
    for node in nodes {
        sort(&mut node.children);
    }
}

macro_rules! node {
    ($entity:expr, $detail:expr) => {
        Node {
            name: $entity.name.clone(),
            detail: $detail,
            start: $entity.start_time,
            end: $entity.end_time,
            error: $entity.error,
            throttle: $entity.throttle,
            fault: $entity.fault,
            status: $entity
                .http
                .as_ref()
                .and_then(|http| http.response.as_ref()?.status),
            cause: $entity.cause.as_ref().and_then(first_exception),
            annotations: $entity.annotations.clone(),
            children: $entity.subsegments.iter().map(Node::subsegment).collect(),
            id: $entity.id,
        }
    };
}

impl Node {
    fn segment(segment: &Segment) -> Self {
        node!(segment, segment.origin.clone().unwrap_or_default())
    }

    fn subsegment(subsegment: &Subsegment) -> Self {
        node!(subsegment, call(subsegment))
    }

    fn ids(&self) -> Vec<SegmentId> {
        let below = self.children.iter().flat_map(Self::ids);
        std::iter::once(self.id).chain(below).collect()
    }

    fn attach_children(&mut self, by_parent: &mut HashMap<SegmentId, Vec<Node>>) {
        self.children
            .extend(by_parent.remove(&self.id).unwrap_or_default());
        for child in &mut self.children {
            child.attach_children(by_parent);
        }
    }

    /// The earliest start and the latest end of the node and everything beneath it.
    pub(super) fn extent(&self) -> (Timestamp, Timestamp) {
        let own = (self.start, self.end.unwrap_or(self.start));
        self.children
            .iter()
            .map(Self::extent)
            .fold(own, |(start, end), child| {
                (start.min(child.0), end.max(child.1))
            })
    }

    /// True for the subsegment of a function's init, in the new and the old style of Lambda.
    pub(super) fn is_cold_start(&self) -> bool {
        matches!(self.name.as_str(), "Init" | "Initialization")
    }
}

/// The operation of a call: `PutItem items`, `GET https://…`
fn call(subsegment: &Subsegment) -> String {
    match subsegment.namespace {
        Some(Namespace::Aws) => {
            let aws = &subsegment.aws;
            let resource = [
                "table_name",
                "function_name",
                "queue_url",
                "bucket_name",
                "topic_arn",
            ];
            let resource = resource.iter().find_map(|key| aws.str(key));
            [aws.str("operation"), resource]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(" ")
        }
        Some(Namespace::Remote) => {
            let request = subsegment
                .http
                .as_ref()
                .and_then(|http| http.request.as_ref());
            let Some(request) = request else {
                return String::new();
            };
            let parts = [request.method.as_deref(), request.url.as_deref()];
            parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
        }
        None => String::new(),
    }
}

fn first_exception(cause: &Cause) -> Option<String> {
    let Cause::Exceptions(cause) = cause else {
        return None;
    };
    let exception = cause.exceptions.first()?;
    // A boxed Rust error has a type such as `&dyn Error`, which is not worth showing.
    let kind = exception
        .kind
        .as_deref()
        .filter(|kind| !kind.contains("dyn "));
    let parts = [kind, exception.message.as_deref()];
    Some(parts.into_iter().flatten().collect::<Vec<_>>().join(": "))
}
