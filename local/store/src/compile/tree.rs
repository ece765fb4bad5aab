use std::collections::{HashMap, VecDeque};

use xray_document::{Document, Segment, SegmentId, Subsegment, TraceId};

/// Levels of subsegments beneath one entry of a trace. JSON readers stop at 128 nested
/// values (serde_json, and others at less), and a level takes two; what is deeper becomes
/// an entry of its own, so that every compiled document can be read.
const MAX_DEPTH: usize = 50;

/// Puts every subsegment under its parent.
///
/// The result is in order of start, and is the same for any order of `documents`:
/// segments, and as entries of their own the subsegments whose parent is not there, is
/// one of their own descendants, or is [`MAX_DEPTH`] levels down.
pub(crate) fn assemble(trace_id: TraceId, documents: Vec<Document>) -> Vec<Document> {
    let mut forest = Forest::explode(documents);
    forest.drop_doubles();
    let order = forest.place();
    forest.join(trace_id, &order)
}

/// Every segment and subsegment of a trace by itself, its `subsegments` taken out.
struct Forest {
    segments: Vec<Segment>,
    nodes: Vec<Node>,
}

struct Node {
    subsegment: Subsegment,
    parent: SegmentId,
    /// Came inside another document, not alone.
    embedded: bool,
    under: Under,
    dropped: bool,
}

/// Where a subsegment is put.
#[derive(Clone, Copy)]
enum Under {
    Segment(usize),
    Node(usize),
    /// Nowhere: it becomes an entry of the trace.
    Entry,
}

impl Forest {
    fn explode(mut documents: Vec<Document>) -> Self {
        documents.sort_by_key(|document| match document {
            Document::Segment(segment) => (segment.start_time, segment.id),
            Document::Subsegment(subsegment) => (subsegment.start_time, subsegment.id),
        });
        let mut forest = Self {
            segments: Vec::new(),
            nodes: Vec::new(),
        };
        for document in documents {
            match document {
                Document::Segment(mut segment) => {
                    let children = std::mem::take(&mut segment.subsegments);
                    forest.take(children, segment.id);
                    forest.segments.push(*segment);
                }
                Document::Subsegment(subsegment) => {
                    // Every document that was parsed has a parent; its own id makes it an entry.
                    let parent = subsegment.parent_id.unwrap_or(subsegment.id);
                    forest.push(*subsegment, parent, false);
                }
            }
        }
        forest
    }

    fn push(&mut self, mut subsegment: Subsegment, parent: SegmentId, embedded: bool) {
        let children = std::mem::take(&mut subsegment.subsegments);
        let id = subsegment.id;
        let node = Node {
            subsegment,
            parent,
            embedded,
            under: Under::Entry,
            dropped: false,
        };
        self.nodes.push(node);
        self.take(children, id);
    }

    /// Recursion is as deep as one document, which the JSON parser bounded.
    fn take(&mut self, children: Vec<Subsegment>, parent: SegmentId) {
        for child in children {
            self.push(child, parent, true);
        }
    }

    /// A subsegment may come both alone and inside another document (in progress in one,
    /// complete in the other): the complete one stays, else the one that came alone.
    fn drop_doubles(&mut self) {
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
        let mut children: HashMap<Parent, Vec<usize>> = HashMap::new();
        let mut entries = Vec::new();
        for (index, node) in self
            .nodes
            .iter()
            .enumerate()
            .filter(|(_, node)| !node.dropped)
        {
            match parents.get(&node.parent) {
                Some(&parent) => children.entry(parent).or_default().push(index),
                None => entries.push(index),
            }
        }
        let mut walk = Walk {
            order: Vec::new(),
            seen: vec![false; self.nodes.len()],
        };
        for segment in 0..self.segments.len() {
            for &child in children
                .get(&Parent::Segment(segment))
                .into_iter()
                .flatten()
            {
                walk.from(self, &children, child, Under::Segment(segment));
            }
        }
        for entry in entries {
            walk.from(self, &children, entry, Under::Entry);
        }
        // What is left is a parent of its own parents: the earliest is made an entry.
        let mut left: Vec<usize> = (0..self.nodes.len())
            .filter(|&index| !self.nodes[index].dropped && !walk.seen[index])
            .collect();
        left.sort_by_key(|&index| self.nodes[index].key());
        for index in left {
            if !walk.seen[index] {
                walk.from(self, &children, index, Under::Entry);
            }
        }
        walk.order
    }

    fn parents(&self) -> HashMap<SegmentId, Parent> {
        let mut parents = HashMap::new();
        for (index, node) in self
            .nodes
            .iter()
            .enumerate()
            .filter(|(_, node)| !node.dropped)
        {
            parents
                .entry(node.subsegment.id)
                .or_insert(Parent::Node(index));
        }
        for (index, segment) in self.segments.iter().enumerate() {
            parents.insert(segment.id, Parent::Segment(index));
        }
        parents
    }

    /// Children before parents, so that nothing here recurses however deep a tree is.
    fn join(self, trace_id: TraceId, order: &[usize]) -> Vec<Document> {
        let Self {
            mut segments,
            nodes,
        } = self;
        let mut nodes: Vec<Option<Node>> = nodes.into_iter().map(Some).collect();
        let mut joined = Vec::new();
        for &index in order.iter().rev() {
            let Some(Node {
                mut subsegment,
                parent,
                under,
                ..
            }) = nodes[index].take()
            else {
                continue;
            };
            finish(&mut subsegment.subsegments);
            subsegment.in_progress = subsegment.is_in_progress();
            match under {
                Under::Segment(segment) => {
                    segments[segment].subsegments.push(subsegment.embedded());
                }
                Under::Node(node) => {
                    if let Some(node) = &mut nodes[node] {
                        node.subsegment.subsegments.push(subsegment.embedded());
                    }
                }
                Under::Entry => {
                    let alone = subsegment.independent(trace_id, parent);
                    joined.push(Document::Subsegment(Box::new(alone)));
                }
            }
        }
        for mut segment in segments {
            finish(&mut segment.subsegments);
            segment.in_progress = segment.is_in_progress();
            joined.push(Document::Segment(Box::new(segment)));
        }
        joined.sort_by_key(|document| match document {
            Document::Segment(segment) => (segment.start_time, segment.id),
            Document::Subsegment(subsegment) => (subsegment.start_time, subsegment.id),
        });
        joined
    }
}

impl Node {
    fn key(&self) -> (xray_document::Timestamp, SegmentId) {
        (self.subsegment.start_time, self.subsegment.id)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Parent {
    Segment(usize),
    Node(usize),
}

struct Walk {
    order: Vec<usize>,
    seen: Vec<bool>,
}

impl Walk {
    fn from(
        &mut self,
        forest: &mut Forest,
        children: &HashMap<Parent, Vec<usize>>,
        first: usize,
        under: Under,
    ) {
        let mut queue = VecDeque::from([(first, under, 1)]);
        self.seen[first] = true;
        while let Some((index, under, depth)) = queue.pop_front() {
            self.order.push(index);
            forest.nodes[index].under = under;
            for &child in children.get(&Parent::Node(index)).into_iter().flatten() {
                if std::mem::replace(&mut self.seen[child], true) {
                    continue;
                }
                if depth == MAX_DEPTH {
                    queue.push_back((child, Under::Entry, 1));
                } else {
                    queue.push_back((child, Under::Node(index), depth + 1));
                }
            }
        }
    }
}

/// The children of one parent, in order of start.
fn finish(subsegments: &mut [Subsegment]) {
    subsegments.sort_by_key(|subsegment| (subsegment.start_time, subsegment.id));
}
