use std::collections::{HashMap, VecDeque};

use xray_document::{Document, Segment, SegmentId, Subsegment, Timestamp, TraceId};

use crate::fields::start_time;

/// Maximum number of levels of subsegments in one compiled document. serde_json stops at 128
/// nested values, other JSON parsers earlier, and each level adds two. A deeper subsegment
/// becomes a document of its own, so that parsers can read every compiled document.
const MAX_DEPTH: usize = 50;

/// Puts every subsegment under its parent, and returns the top-level documents in order of
/// their start. The result does not depend on the order of `documents`.
///
/// Every segment is a top-level document. A subsegment is one if its parent has not
/// arrived, if it is the earliest of a cycle of parents, or if it is more than
/// [`MAX_DEPTH`] levels deep.
pub(crate) fn build(trace_id: TraceId, documents: Vec<Document>) -> Vec<Document> {
    let mut builder = TreeBuilder::new(documents);
    builder.drop_duplicates();
    let order = builder.place();
    builder.build(trace_id, &order)
}

/// All segments and subsegments of a trace in two flat lists. Their own `subsegments` are
/// empty until [`build`](Self::build).
struct TreeBuilder {
    segments: Vec<Segment>,
    nodes: Vec<Node>,
}

struct Node {
    subsegment: Subsegment,
    parent: SegmentId,
    /// `false` for an independent subsegment.
    embedded: bool,
    placement: Placement,
    dropped: bool,
}

/// The position of a subsegment in the result.
#[derive(Clone, Copy)]
enum Placement {
    /// Under the segment with this index.
    Segment(usize),
    /// Under the node with this index.
    Node(usize),
    TopLevel,
}

impl TreeBuilder {
    fn new(mut documents: Vec<Document>) -> Self {
        documents.sort_by_key(sort_key);
        let mut builder = Self {
            segments: Vec::new(),
            nodes: Vec::new(),
        };
        for document in documents {
            match document {
                Document::Segment(mut segment) => {
                    let children = std::mem::take(&mut segment.subsegments);
                    builder.add_children(children, segment.id);
                    builder.segments.push(*segment);
                }
                Document::Subsegment(subsegment) => {
                    // Parsed documents always have a parent. Without one, its own id makes
                    // the subsegment a top-level document.
                    let parent = subsegment.parent_id.unwrap_or(subsegment.id);
                    builder.add(*subsegment, parent, false);
                }
            }
        }
        builder
    }

    fn add(&mut self, mut subsegment: Subsegment, parent: SegmentId, embedded: bool) {
        let children = std::mem::take(&mut subsegment.subsegments);
        let id = subsegment.id;
        let node = Node {
            subsegment,
            parent,
            embedded,
            placement: Placement::TopLevel,
            dropped: false,
        };
        self.nodes.push(node);
        self.add_children(children, id);
    }

    /// The JSON parser limits the depth of a document, and so the depth of this recursion.
    fn add_children(&mut self, children: Vec<Subsegment>, parent: SegmentId) {
        for child in children {
            self.add(child, parent, true);
        }
    }

    /// Drops one version of each subsegment that arrived both independently and embedded.
    /// The complete version stays; if both are complete or both in progress, the
    /// independent one.
    fn drop_duplicates(&mut self) {
        let mut independent: HashMap<SegmentId, usize> = HashMap::new();
        for (index, node) in self.nodes.iter().enumerate() {
            if !node.embedded {
                independent.insert(node.subsegment.id, index);
            }
        }
        for index in 0..self.nodes.len() {
            let node = &self.nodes[index];
            if !node.embedded {
                continue;
            }
            let Some(&other) = independent.get(&node.subsegment.id) else {
                continue;
            };
            let keep_embedded =
                !node.subsegment.is_in_progress() && self.nodes[other].subsegment.is_in_progress();
            let dropped = if keep_embedded { other } else { index };
            self.nodes[dropped].dropped = true;
        }
    }

    /// Decides the placement of each node. Returns the nodes in breadth-first order, parents
    /// before their children.
    fn place(&mut self) -> Vec<usize> {
        let parents = self.parents();
        let mut children: HashMap<Parent, Vec<usize>> = HashMap::new();
        let mut without_parent = Vec::new();
        for (index, node) in self.kept_nodes() {
            match parents.get(&node.parent) {
                Some(&parent) => children.entry(parent).or_default().push(index),
                None => without_parent.push(index),
            }
        }
        let mut walk = Walk {
            order: Vec::new(),
            seen: vec![false; self.nodes.len()],
        };
        for segment in 0..self.segments.len() {
            let below = children.get(&Parent::Segment(segment));
            for &child in below.into_iter().flatten() {
                walk.visit(self, &children, child, Placement::Segment(segment));
            }
        }
        for index in without_parent {
            walk.visit(self, &children, index, Placement::TopLevel);
        }
        // The remaining nodes form cycles; cut each at its earliest node.
        let mut cyclic: Vec<usize> = self
            .kept_nodes()
            .map(|(index, _)| index)
            .filter(|&index| !walk.seen[index])
            .collect();
        cyclic.sort_by_key(|&index| self.nodes[index].sort_key());
        for index in cyclic {
            if !walk.seen[index] {
                walk.visit(self, &children, index, Placement::TopLevel);
            }
        }
        walk.order
    }

    fn kept_nodes(&self) -> impl Iterator<Item = (usize, &Node)> {
        let nodes = self.nodes.iter().enumerate();
        nodes.filter(|(_, node)| !node.dropped)
    }

    fn parents(&self) -> HashMap<SegmentId, Parent> {
        let mut parents = HashMap::new();
        for (index, node) in self.kept_nodes() {
            parents
                .entry(node.subsegment.id)
                .or_insert(Parent::Node(index));
        }
        for (index, segment) in self.segments.iter().enumerate() {
            parents.insert(segment.id, Parent::Segment(index));
        }
        parents
    }

    /// Moves each node to its place, children before parents. This needs no recursion, so
    /// the depth of a tree cannot overflow the stack.
    fn build(self, trace_id: TraceId, order: &[usize]) -> Vec<Document> {
        let mut segments = self.segments;
        let mut nodes: Vec<Option<Node>> = self.nodes.into_iter().map(Some).collect();
        let mut documents = Vec::new();
        for &index in order.iter().rev() {
            let Some(node) = nodes[index].take() else {
                continue;
            };
            let mut subsegment = node.subsegment;
            sort_by_start(&mut subsegment.subsegments);
            subsegment.in_progress = subsegment.is_in_progress();
            match node.placement {
                Placement::Segment(segment) => {
                    segments[segment].subsegments.push(subsegment.embedded());
                }
                Placement::Node(parent) => {
                    if let Some(parent) = &mut nodes[parent] {
                        parent.subsegment.subsegments.push(subsegment.embedded());
                    }
                }
                Placement::TopLevel => {
                    let independent = subsegment.independent(trace_id, node.parent);
                    documents.push(Document::Subsegment(Box::new(independent)));
                }
            }
        }
        for mut segment in segments {
            sort_by_start(&mut segment.subsegments);
            segment.in_progress = segment.is_in_progress();
            documents.push(Document::Segment(Box::new(segment)));
        }
        documents.sort_by_key(sort_key);
        documents
    }
}

/// A segment or node that has children, by its index.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Parent {
    Segment(usize),
    Node(usize),
}

/// A breadth-first walk over the nodes.
struct Walk {
    order: Vec<usize>,
    seen: Vec<bool>,
}

impl Walk {
    /// Places the node `first`, and all nodes below it.
    fn visit(
        &mut self,
        builder: &mut TreeBuilder,
        children: &HashMap<Parent, Vec<usize>>,
        first: usize,
        placement: Placement,
    ) {
        let mut queue = VecDeque::from([(first, placement, 1)]);
        self.seen[first] = true;
        while let Some((index, placement, depth)) = queue.pop_front() {
            self.order.push(index);
            builder.nodes[index].placement = placement;
            for &child in children.get(&Parent::Node(index)).into_iter().flatten() {
                if std::mem::replace(&mut self.seen[child], true) {
                    continue;
                }
                if depth == MAX_DEPTH {
                    queue.push_back((child, Placement::TopLevel, 1));
                } else {
                    queue.push_back((child, Placement::Node(index), depth + 1));
                }
            }
        }
    }
}

impl Node {
    fn sort_key(&self) -> (Timestamp, SegmentId) {
        (self.subsegment.start_time, self.subsegment.id)
    }
}

fn sort_key(document: &Document) -> (Timestamp, SegmentId) {
    (start_time(document), document.id())
}

fn sort_by_start(subsegments: &mut [Subsegment]) {
    subsegments.sort_by_key(|subsegment| (subsegment.start_time, subsegment.id));
}
