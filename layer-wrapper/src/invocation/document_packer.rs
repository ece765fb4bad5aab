//! Packs finished subsegments into few documents. A child is embedded in its parent if it
//! fits; otherwise it becomes a document of its own.

use std::ops::Range;

use xray_document::{DATAGRAM_HEADER, SegmentId, TraceId};

use crate::record::json;

/// Maximum number of levels of subsegments in one document. JSON readers may reject more than
/// 128 levels (serde_json does), and each subsegment takes two.
const MAX_DEPTH: usize = 50;

/// Bytes around an embedded subsegment: its braces, a comma and `,"subsegments":[]`.
const EMBEDDED_BYTES: usize = 20;

/// A finished subsegment: its ids and the range of its members in the JSON buffer.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) id: SegmentId,
    pub(super) parent: SegmentId,
    pub(super) json: Range<usize>,
}

/// Writes the start of a document, up to the members of its subsegment.
pub(super) fn begin_document(out: &mut Vec<u8>, root: TraceId, parent: SegmentId) {
    out.extend_from_slice(b"{\"type\":\"subsegment\"");
    json::key!(out, "trace_id");
    json::trace_id(out, root);
    json::key!(out, "parent_id");
    json::id(out, parent);
    out.push(b',');
}

/// Writes each tree of `nodes` as one datagram, or as several if it is over `limit` bytes or
/// too deep. `json` has the members of all nodes.
pub(super) fn pack(
    json: &[u8],
    nodes: &[Node],
    root: TraceId,
    limit: usize,
    mut send: impl FnMut(&[u8]),
) {
    let mut packer = DocumentPacker::new(json, nodes);
    let mut datagram = Vec::with_capacity((json.len() + 1024).min(limit));
    while let Some(tree) = packer.roots.pop() {
        let Some(node) = nodes.get(tree) else {
            continue;
        };
        datagram.clear();
        datagram.extend_from_slice(DATAGRAM_HEADER);
        let end = DATAGRAM_HEADER.len() + limit;
        begin_document(&mut datagram, root, node.parent);
        packer.write(&mut datagram, tree, end, 1);
        send(&datagram);
    }
}

/// The trees that the nodes form, while they are written.
struct DocumentPacker<'a> {
    json: &'a [u8],
    nodes: &'a [Node],
    /// For each node, the indexes of its children, in the order in which they ended.
    children: Vec<Vec<usize>>,
    /// For each node, the bytes of its subtree.
    bytes: Vec<usize>,
    /// The indexes of the nodes that begin a document.
    roots: Vec<usize>,
}

impl<'a> DocumentPacker<'a> {
    fn new(json: &'a [u8], nodes: &'a [Node]) -> Self {
        let mut children = vec![Vec::new(); nodes.len()];
        let mut roots = Vec::new();
        // The last parent that was found: siblings mostly end one after another.
        let mut last = None;
        for (place, node) in nodes.iter().enumerate() {
            let parent = match last {
                Some((id, parent)) if id == node.parent => parent,
                _ => parent_of(nodes, place, node.parent),
            };
            last = Some((node.parent, parent));
            match parent.and_then(|parent| children.get_mut(parent)) {
                Some(siblings) => siblings.push(place),
                None => roots.push(place),
            }
        }
        let bytes = nodes
            .iter()
            .map(|node| node.json.len() + EMBEDDED_BYTES)
            .collect();
        let mut packer = Self {
            json,
            nodes,
            children,
            bytes,
            roots,
        };
        packer.sum_subtrees();
        packer
    }

    /// Adds the bytes of its descendants to each node. Lists the nodes from the roots down,
    /// then adds in reverse order.
    fn sum_subtrees(&mut self) {
        let mut order: Vec<(usize, Option<usize>)> =
            self.roots.iter().map(|root| (*root, None)).collect();
        let mut next = 0;
        while let Some((node, _)) = order.get(next).copied() {
            let children = self.children.get(node).into_iter().flatten();
            order.extend(children.map(|child| (*child, Some(node))));
            next += 1;
        }
        for (node, parent) in order.into_iter().rev() {
            let own = self.bytes.get(node).copied().unwrap_or(0);
            if let Some(total) = parent.and_then(|parent| self.bytes.get_mut(parent)) {
                *total += own;
            }
        }
    }

    /// Writes a node with the children whose whole subtrees fit before `end`. The other
    /// children become roots.
    fn write(&mut self, out: &mut Vec<u8>, node: usize, end: usize, depth: usize) {
        let json = self
            .nodes
            .get(node)
            .and_then(|node| self.json.get(node.json.clone()));
        out.extend_from_slice(json.unwrap_or_default());
        let children = self
            .children
            .get_mut(node)
            .map(std::mem::take)
            .unwrap_or_default();
        let mut opened = false;
        // Bytes that close this level and the levels around it.
        let closing = depth * EMBEDDED_BYTES;
        for child in children {
            let own = self
                .nodes
                .get(child)
                .map_or(0, |node| node.json.len() + EMBEDDED_BYTES);
            let subtree = self.bytes.get(child).copied().unwrap_or(own);
            let whole = out.len() + subtree + closing <= end;
            // A child that does not fit with all its children stays together with them.
            if depth >= MAX_DEPTH || !whole {
                self.roots.push(child);
                continue;
            }
            out.extend_from_slice(if opened {
                b",{"
            } else {
                b",\"subsegments\":[{"
            });
            opened = true;
            self.write(out, child, end, depth + 1);
        }
        if opened {
            out.push(b']');
        }
        out.push(b'}');
    }
}

/// The index of a node's parent. A parent mostly ends soon after its last child, and the
/// buffer has a few hundred nodes at most, so a linear search from there is fast.
fn parent_of(nodes: &[Node], place: usize, parent: SegmentId) -> Option<usize> {
    let (before, after) = nodes.split_at(place);
    let is_parent = |node: &Node| node.id == parent;
    match after.iter().position(is_parent) {
        Some(distance) => Some(place + distance),
        None => before.iter().position(is_parent),
    }
}
