use std::collections::{HashMap, VecDeque};

use xray_document::{Document, Segment, SegmentId, Subsegment, Timestamp, TraceId};

use crate::fields::start_time;

/// Levels of subsegments beneath one entry of a trace. JSON readers stop at 128 nested
/// values (serde_json, and others at less), and a level takes two; what is deeper becomes
/// an entry of its own, so that every compiled document can be read.
const MAX_DEPTH: usize = 50;

/// Puts every subsegment under its parent.
///
/// The result is in order of start, and is the same for any order of `documents`:
/// segments, and as entries of their own the subsegments whose parent is not there, is
/// one of their own descendants, or is [`MAX_DEPTH`] levels down.
pub(crate) fn build(trace_id: TraceId, documents: Vec<Document>) -> Vec<Document> {
    let mut builder = TreeBuilder::new(documents);
    builder.drop_duplicates();
    let order = builder.place();
    builder.build(trace_id, &order)
}

/// Every segment and subsegment of a trace by itself, its `subsegments` taken out.
struct TreeBuilder {
    segments: Vec<Segment>,
    nodes: Vec<Node>,
}

struct Node {
    subsegment: Subsegment,
    parent: SegmentId,
    /// Came inside another document, not alone.
    embedded: bool,
    placement: Placement,
    dropped: bool,
}

/// Where a subsegment is put.
#[derive(Clone, Copy)]
enum Placement {
    Segment(usize),
    Node(usize),
    /// Nowhere: it becomes an entry of the trace.
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
                    // Every document that was parsed has a parent; its own id makes it an entry.
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

    /// Recursion is as deep as one document, which the JSON parser bounded.
    fn add_children(&mut self, children: Vec<Subsegment>, parent: SegmentId) {
        for child in children {
            self.add(child, parent, true);
        }
    }

    /// A subsegment may come both alone and inside another document (in progress in one,
    /// complete in the other): the complete one stays, else the one that came alone.
    fn drop_duplicates(&mut self) {
        let mut alone: HashMap<SegmentId, usize> = HashMap::new();
        for (index, node) in self.nodes.iter().enumerate() {
            if !node.embedded {
                alone.insert(node.subsegment.id, index);
            }
        }
        for index in 0..self.nodes.len() {
            let node = &self.nodes[index];
            if !node.embedded {
                continue;
            }
            let Some(&other) = alone.get(&node.subsegment.id) else {
                continue;
            };
            let embedded_wins =
                !node.subsegment.is_in_progress() && self.nodes[other].subsegment.is_in_progress();
            let loser = if embedded_wins { other } else { index };
            self.nodes[loser].dropped = true;
        }
    }

    /// Decides under what each node goes. The order is breadth first: parents before
    /// their children.
    fn place(&mut self) -> Vec<usize> {
        let parents = self.parents();
        let mut children: HashMap<ParentRef, Vec<usize>> = HashMap::new();
        let mut top_level = Vec::new();
        for (index, node) in self
            .nodes
            .iter()
            .enumerate()
            .filter(|(_, node)| !node.dropped)
        {
            match parents.get(&node.parent) {
                Some(&parent) => children.entry(parent).or_default().push(index),
                None => top_level.push(index),
            }
        }
        let mut walk = Walk {
            order: Vec::new(),
            seen: vec![false; self.nodes.len()],
        };
        for segment in 0..self.segments.len() {
            for &child in children
                .get(&ParentRef::Segment(segment))
                .into_iter()
                .flatten()
            {
                walk.visit(self, &children, child, Placement::Segment(segment));
            }
        }
        for entry in top_level {
            walk.visit(self, &children, entry, Placement::TopLevel);
        }
        // What is left is a parent of its own parents: the earliest is made an entry.
        let mut left: Vec<usize> = (0..self.nodes.len())
            .filter(|&index| !self.nodes[index].dropped && !walk.seen[index])
            .collect();
        left.sort_by_key(|&index| self.nodes[index].sort_key());
        for index in left {
            if !walk.seen[index] {
                walk.visit(self, &children, index, Placement::TopLevel);
            }
        }
        walk.order
    }

    fn parents(&self) -> HashMap<SegmentId, ParentRef> {
        let mut parents = HashMap::new();
        for (index, node) in self
            .nodes
            .iter()
            .enumerate()
            .filter(|(_, node)| !node.dropped)
        {
            parents
                .entry(node.subsegment.id)
                .or_insert(ParentRef::Node(index));
        }
        for (index, segment) in self.segments.iter().enumerate() {
            parents.insert(segment.id, ParentRef::Segment(index));
        }
        parents
    }

    /// Children before parents, so that nothing here recurses however deep a tree is.
    fn build(self, trace_id: TraceId, order: &[usize]) -> Vec<Document> {
        let Self {
            mut segments,
            nodes,
        } = self;
        let mut nodes: Vec<Option<Node>> = nodes.into_iter().map(Some).collect();
        let mut documents = Vec::new();
        for &index in order.iter().rev() {
            let Some(Node {
                mut subsegment,
                parent,
                placement,
                ..
            }) = nodes[index].take()
            else {
                continue;
            };
            sort_by_start(&mut subsegment.subsegments);
            subsegment.in_progress = subsegment.is_in_progress();
            match placement {
                Placement::Segment(segment) => {
                    segments[segment].subsegments.push(subsegment.embedded());
                }
                Placement::Node(node) => {
                    if let Some(node) = &mut nodes[node] {
                        node.subsegment.subsegments.push(subsegment.embedded());
                    }
                }
                Placement::TopLevel => {
                    let alone = subsegment.independent(trace_id, parent);
                    documents.push(Document::Subsegment(Box::new(alone)));
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

fn sort_key(document: &Document) -> (Timestamp, SegmentId) {
    (start_time(document), document.id())
}

impl Node {
    fn sort_key(&self) -> (Timestamp, SegmentId) {
        (self.subsegment.start_time, self.subsegment.id)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum ParentRef {
    Segment(usize),
    Node(usize),
}

struct Walk {
    order: Vec<usize>,
    seen: Vec<bool>,
}

impl Walk {
    fn visit(
        &mut self,
        builder: &mut TreeBuilder,
        children: &HashMap<ParentRef, Vec<usize>>,
        first: usize,
        placement: Placement,
    ) {
        let mut queue = VecDeque::from([(first, placement, 1)]);
        self.seen[first] = true;
        while let Some((index, placement, depth)) = queue.pop_front() {
            self.order.push(index);
            builder.nodes[index].placement = placement;
            for &child in children.get(&ParentRef::Node(index)).into_iter().flatten() {
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

/// The children of one parent, in order of start.
fn sort_by_start(subsegments: &mut [Subsegment]) {
    subsegments.sort_by_key(|subsegment| (subsegment.start_time, subsegment.id));
}
