use std::collections::{BTreeMap, HashMap};

use xray_document::{
    AnnotationValue, Cause, Document, Namespace, Segment, SegmentId, Subsegment, Timestamp,
};
use xray_local_store::Trace;

/// A segment or subsegment in its place in the trace.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: String,
    /// What kind of thing it is: the origin, or what an AWS or HTTP call did.
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

/// The trace's roots with everything beneath them: segments hang under the subsegment that
/// called them. Inferred segments, which repeat their subsegment, are left out.
pub(super) fn roots(trace: &Trace) -> Vec<Node> {
    let mut by_parent: HashMap<SegmentId, Vec<Node>> = HashMap::new();
    let mut loose = Vec::new();
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
            None => loose.push(node),
        }
    }
    for root in &mut loose {
        root.adopt(&mut by_parent);
    }
    // What is left has a parent that never arrived, or is part of a cycle: each such tree
    // is shown as a root of its own.
    while let Some(parent) = orphan_parent(&by_parent) {
        for mut node in by_parent.remove(&parent).unwrap_or_default() {
            node.adopt(&mut by_parent);
            loose.push(node);
        }
    }
    sort(&mut loose);
    loose
}

/// A parent id that none of the waiting nodes has; in a cycle, any.
fn orphan_parent(waiting: &HashMap<SegmentId, Vec<Node>>) -> Option<SegmentId> {
    let known: Vec<SegmentId> = waiting.values().flatten().flat_map(Node::ids).collect();
    let mut parents: Vec<_> = waiting.keys().copied().collect();
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

    fn adopt(&mut self, waiting: &mut HashMap<SegmentId, Vec<Node>>) {
        self.children
            .extend(waiting.remove(&self.id).unwrap_or_default());
        for child in &mut self.children {
            child.adopt(waiting);
        }
    }

    /// The earliest start and the latest end of the node and all beneath it.
    pub(super) fn extent(&self) -> (Timestamp, Timestamp) {
        let own = (self.start, self.end.unwrap_or(self.start));
        self.children
            .iter()
            .map(Self::extent)
            .fold(own, |(start, end), child| {
                (start.min(child.0), end.max(child.1))
            })
    }

    /// Whether the node is the time that a function took to start.
    pub(super) fn is_cold_start(&self) -> bool {
        matches!(self.name.as_str(), "Init" | "Initialization")
    }
}

/// `PutItem items`, `GET https://…`
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
    // Rust's runtime names a boxed error by its type, which says nothing.
    let kind = exception
        .kind
        .as_deref()
        .filter(|kind| !kind.contains("dyn "));
    let parts = [kind, exception.message.as_deref()];
    Some(parts.into_iter().flatten().collect::<Vec<_>>().join(": "))
}
