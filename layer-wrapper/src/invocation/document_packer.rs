//! Finished subsegments as few documents: children inside their parents where they fit,
//! on their own where they do not.

use std::ops::Range;

use xray_document::{DATAGRAM_HEADER, SegmentId, TraceId};

use crate::record::json;

/// Levels of subsegments within one document. A reader of JSON may refuse more than 128
/// levels (serde_json does), and each subsegment takes two.
const MAX_DEPTH: usize = 50;

/// Bytes around an embedded subsegment: its braces, a comma, `,"subsegments":[]`.
const EMBEDDED_BYTES: usize = 20;

/// A finished subsegment: its place in the tree and its members' JSON.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) id: SegmentId,
    pub(super) parent: SegmentId,
    pub(super) json: Range<usize>,
}

/// Begins the document of a subsegment that is sent alone, up to its own members.
pub(super) fn begin_document(out: &mut Vec<u8>, root: TraceId, parent: SegmentId) {
    out.extend_from_slice(b"{\"type\":\"subsegment\"");
    json::key!(out, "trace_id");
    json::trace_id(out, root);
    json::key!(out, "parent_id");
    json::id(out, parent);
    out.push(b',');
}

/// Writes each tree of `nodes` as one datagram, or as several where it is over `limit`
/// bytes or too deep.
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

struct DocumentPacker<'a> {
    json: &'a [u8],
    nodes: &'a [Node],
    /// Of each node, its children among the nodes, in the order in which they ended.
    children: Vec<Vec<usize>>,
    /// Of each node, the bytes of its whole subtree.
    bytes: Vec<usize>,
    /// What begins a document of its own.
    roots: Vec<usize>,
}

impl<'a> DocumentPacker<'a> {
    fn new(json: &'a [u8], nodes: &'a [Node]) -> Self {
        let mut children = vec![Vec::new(); nodes.len()];
        let mut roots = Vec::new();
        // Siblings mostly end one after another.
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

    /// Adds to each node's bytes those of its subtree: from the roots down in order, then
    /// back up in reverse.
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

    /// Writes a node and, inside it, as much of its subtree as fits before `end`; what
    /// does not fit becomes a root.
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
        // What must still be closed after the children: this level and those around it.
        let closing = depth * EMBEDDED_BYTES;
        for child in children {
            let own = self
                .nodes
                .get(child)
                .map_or(0, |node| node.json.len() + EMBEDDED_BYTES);
            let subtree = self.bytes.get(child).copied().unwrap_or(own);
            let whole = out.len() + subtree + closing <= end;
            // A child that fits only without some of its own children keeps the others
            // together with them.
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

/// The place of a node's parent. A parent mostly ends right after the last of its children,
/// and there are never more nodes than a few hundred, so it is looked for from there on.
fn parent_of(nodes: &[Node], place: usize, parent: SegmentId) -> Option<usize> {
    let (before, after) = nodes.split_at(place);
    let is_parent = |node: &Node| node.id == parent;
    match after.iter().position(is_parent) {
        Some(distance) => Some(place + distance),
        None => before.iter().position(is_parent),
    }
}
