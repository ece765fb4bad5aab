//! Packs finished subsegments into few documents. A child is embedded in its parent if it
//! fits; otherwise it becomes a document of its own, or one of a group.
//!
//! X-Ray knows no document of several siblings: a document is one subsegment with its
//! descendants (X-Ray Developer Guide, segment documents). The parent cannot carry them in two
//! documents either, because the later one replaces the earlier one. Many siblings whose parent
//! is full, still open or Lambda's own are therefore put into subsegments named
//! [`GROUP_NAME`], which exist only to hold them.

use std::collections::HashMap;
use std::ops::Range;

use xray_document::{DATAGRAM_HEADER, SegmentId, Timestamp, TraceId};

use crate::emit::Datagrams;
use crate::record::json;

/// Maximum number of siblings that are sent as documents of their own. More are sent in groups.
/// X-Ray accepts 50 documents in one request, and 2,600 a second in a region (AWS General
/// Reference, X-Ray quotas).
const MAX_ALONE: usize = 10;

/// Name of a subsegment that only holds others. Its metadata `xray_lambda.group` is their
/// number.
const GROUP_NAME: &str = "more subsegments";

/// Maximum number of levels of subsegments in one document. JSON readers may reject more than
/// 128 levels (serde_json does), and each subsegment takes two.
const MAX_DEPTH: usize = 50;

/// Bytes of a document around the members of its subsegment: braces, `type`, `trace_id` and
/// `parent_id`.
pub(super) const ENVELOPE_BYTES: usize = 256;

/// Bytes around an embedded subsegment: its braces, a comma and `,"subsegments":[]`.
const EMBEDDED_BYTES: usize = 20;

/// Maximum number of bytes of the members of a group, without those that it holds.
const GROUP_BYTES: usize = 256;

/// Maximum number of searches through all nodes, for parents that are not near their children.
/// A map makes further ones fast, but costs as much as a few of them.
const MAX_SEARCHES: usize = 8;

/// A finished subsegment: its ids, its times and the range of its members in the JSON buffer.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) id: SegmentId,
    pub(super) parent: SegmentId,
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
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

/// Writes the trees of `nodes` as documents of at most `limit` bytes. `json` has the members of
/// all nodes. `new_id` makes the ids of groups.
pub(super) fn pack(
    json: &[u8],
    nodes: &[Node],
    root: TraceId,
    limit: usize,
    mut new_id: impl FnMut() -> SegmentId,
    out: &mut Datagrams,
) {
    let mut packer = DocumentPacker::new(json, nodes);
    *out = Datagrams::with_capacity(json.len() + nodes.len() * EMBEDDED_BYTES + 1024);
    while let Some(siblings) = packer.waiting.pop() {
        let Some(parent) = siblings.first().and_then(|first| nodes.get(*first)) else {
            continue;
        };
        let parent = parent.parent;
        for members in packer.documents(siblings, limit - ENVELOPE_BYTES - GROUP_BYTES) {
            out.push_document(|out| {
                out.extend_from_slice(DATAGRAM_HEADER);
                let end = out.len() + limit;
                begin_document(out, root, parent);
                match *members.as_slice() {
                    [node] => packer.write(out, node, end, 1),
                    _ => packer.write_group(out, new_id(), members, end),
                }
            });
        }
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
    /// The indexes of the nodes that are not embedded in their parents: a list for each parent.
    waiting: Vec<Vec<usize>>,
}

impl<'a> DocumentPacker<'a> {
    fn new(json: &'a [u8], nodes: &'a [Node]) -> Self {
        let mut children = vec![Vec::new(); nodes.len()];
        let mut roots: Vec<usize> = Vec::new();
        let mut parents = Parents::new(nodes);
        for (place, node) in nodes.iter().enumerate() {
            let parent = parents.find(place, node.parent);
            match parent.and_then(|parent| children.get_mut(parent)) {
                Some(siblings) => siblings.push(place),
                None => roots.push(place),
            }
        }
        let bytes = nodes
            .iter()
            .map(|node| node.json.len() + EMBEDDED_BYTES)
            .collect();
        let parent_of = |root: &usize| nodes.get(*root).map(|node| node.parent.as_u64());
        roots.sort_by_key(parent_of);
        let siblings = roots.chunk_by(|one, other| parent_of(one) == parent_of(other));
        let mut packer = Self {
            json,
            nodes,
            children,
            bytes,
            waiting: siblings.map(<[usize]>::to_vec).collect(),
        };
        packer.sum_subtrees(&roots);
        packer
    }

    /// Adds the bytes of its descendants to each node. Lists the nodes from the roots down,
    /// then adds in reverse order.
    fn sum_subtrees(&mut self, roots: &[usize]) {
        let mut order: Vec<(usize, Option<usize>)> =
            roots.iter().map(|root| (*root, None)).collect();
        let mut next = 0;
        while let Some((node, _)) = order.get(next).copied() {
            let children = self.children.get(node).into_iter().flatten();
            order.extend(children.map(|child| (*child, Some(node))));
            next += 1;
        }
        for (node, parent) in order.into_iter().rev() {
            let own = self.subtree_bytes(node);
            if let Some(total) = parent.and_then(|parent| self.bytes.get_mut(parent)) {
                *total += own;
            }
        }
    }

    fn subtree_bytes(&self, node: usize) -> usize {
        self.bytes.get(node).copied().unwrap_or(0)
    }

    /// Divides siblings into documents: each alone if they are few, else in groups of at most
    /// `limit` bytes. A sibling that is larger than a group, or would be the only one in it, is
    /// alone.
    fn documents(&self, siblings: Vec<usize>, limit: usize) -> Vec<Vec<usize>> {
        if siblings.len() <= MAX_ALONE {
            return siblings.into_iter().map(|node| vec![node]).collect();
        }
        let mut documents = Vec::new();
        let (mut group, mut group_bytes) = (Vec::new(), 0);
        for node in siblings {
            let bytes = self.subtree_bytes(node);
            if bytes > limit {
                documents.push(vec![node]);
                continue;
            }
            if group_bytes + bytes > limit {
                documents.push(std::mem::take(&mut group));
                group_bytes = 0;
            }
            group.push(node);
            group_bytes += bytes;
        }
        if !group.is_empty() {
            documents.push(group);
        }
        documents
    }

    /// Writes a subsegment that holds `members`, from the first start to the last end.
    fn write_group(&mut self, out: &mut Vec<u8>, id: SegmentId, members: Vec<usize>, end: usize) {
        let nodes = || members.iter().filter_map(|member| self.nodes.get(*member));
        out.extend_from_slice(b"\"name\":");
        json::string(out, GROUP_NAME);
        json::key!(out, "id");
        json::id(out, id);
        json::key!(out, "start_time");
        json::timestamp(
            out,
            nodes().map(|node| node.start).min().unwrap_or_default(),
        );
        json::key!(out, "end_time");
        json::timestamp(out, nodes().map(|node| node.end).max().unwrap_or_default());
        out.extend_from_slice(b",\"metadata\":{\"xray_lambda\":{\"group\":");
        json::integer(out, members.len() as u64);
        out.extend_from_slice(b"}}");
        self.write_children(out, members, end, 1);
        out.push(b'}');
    }

    /// Writes a node with the children whose whole subtrees fit before `end`.
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
        self.write_children(out, children, end, depth);
        out.push(b'}');
    }

    /// Writes the children of a node at the level `depth`. Those that do not fit become
    /// documents.
    fn write_children(
        &mut self,
        out: &mut Vec<u8>,
        children: Vec<usize>,
        end: usize,
        depth: usize,
    ) {
        let mut opened = false;
        // Bytes that close this level and the levels around it.
        let closing = depth * EMBEDDED_BYTES;
        let mut rest = Vec::new();
        for child in children {
            let whole = out.len() + self.subtree_bytes(child) + closing <= end;
            // A child that does not fit with all its children stays together with them.
            if depth >= MAX_DEPTH || !whole {
                rest.push(child);
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
        if !rest.is_empty() {
            self.waiting.push(rest);
        }
    }
}

/// Finds the index of a node's parent.
struct Parents<'a> {
    nodes: &'a [Node],
    /// The last parent that was found: siblings mostly end one after another.
    last: Option<(SegmentId, Option<usize>)>,
    /// Nodes that were searched one by one.
    searched: usize,
    /// Made after many such searches.
    by_id: Option<HashMap<SegmentId, usize>>,
}

impl<'a> Parents<'a> {
    const fn new(nodes: &'a [Node]) -> Self {
        Self {
            nodes,
            last: None,
            searched: 0,
            by_id: None,
        }
    }

    fn find(&mut self, place: usize, id: SegmentId) -> Option<usize> {
        if let Some((last, parent)) = self.last
            && last == id
        {
            return parent;
        }
        if self.searched > MAX_SEARCHES * self.nodes.len() && self.by_id.is_none() {
            let ids = self.nodes.iter().map(|node| node.id);
            self.by_id = Some(ids.zip(0..).collect());
        }
        let parent = match &self.by_id {
            Some(by_id) => by_id.get(&id).copied(),
            None => self.search(place, id),
        };
        self.last = Some((id, parent));
        parent
    }

    /// A parent mostly ends soon after its last child.
    fn search(&mut self, place: usize, id: SegmentId) -> Option<usize> {
        let is_parent = |node: &Node| node.id == id;
        let (before, after) = self.nodes.split_at(place);
        if let Some(distance) = after.iter().position(is_parent) {
            self.searched += distance;
            return Some(place + distance);
        }
        self.searched += self.nodes.len();
        before.iter().position(is_parent)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use xray_document::Datagram;

    use super::*;

    const LIMIT: usize = 10_000;

    /// Packs nodes of `bytes` bytes; each has the id and the parent of its pair. Returns the
    /// documents.
    fn packed(ids: &[(u64, u64)], bytes: usize) -> Vec<Value> {
        let mut json = Vec::new();
        let nodes: Vec<Node> = ids
            .iter()
            .map(|&(id, parent)| {
                let from = json.len();
                let head = format!("\"id\":\"{id:016x}\",\"name\":\"");
                json.extend_from_slice(head.as_bytes());
                json.resize(from + bytes - 1, b'x');
                json.push(b'"');
                Node {
                    id: SegmentId::from_u64(id),
                    parent: SegmentId::from_u64(parent),
                    start: Timestamp::from_micros(id as i64),
                    end: Timestamp::from_micros(id as i64 + 10),
                    json: from..json.len(),
                }
            })
            .collect();
        let mut next_id = 1_000_000;
        let new_id = || {
            next_id += 1;
            SegmentId::from_u64(next_id)
        };
        let mut datagrams = Datagrams::default();
        let root = TraceId::from_u128(1);
        pack(&json, &nodes, root, LIMIT, new_id, &mut datagrams);
        let texts = datagrams.iter().map(|datagram| {
            let Ok(Datagram::Document(text)) = Datagram::parse(datagram) else {
                panic!("{}", datagram.escape_ascii())
            };
            assert!(text.len() <= LIMIT, "{} bytes", text.len());
            serde_json::from_str(text).unwrap()
        });
        texts.collect()
    }

    /// The ids below a document, with the id of the subsegment around each that is no group.
    fn members(document: &Value, parent: u64, found: &mut Vec<(u64, u64)>) {
        let id = u64::from_str_radix(document["id"].as_str().unwrap(), 16).unwrap();
        let is_group = document["name"] == GROUP_NAME;
        if !is_group {
            found.push((id, parent));
        }
        let subsegments = document["subsegments"].as_array().into_iter().flatten();
        subsegments.for_each(|child| members(child, if is_group { parent } else { id }, found));
    }

    fn all_members(documents: &[Value]) -> Vec<(u64, u64)> {
        let mut found = Vec::new();
        for document in documents {
            let parent = document["parent_id"].as_str().unwrap();
            members(
                document,
                u64::from_str_radix(parent, 16).unwrap(),
                &mut found,
            );
        }
        found.sort_unstable();
        found
    }

    #[test]
    fn many_small_siblings_become_few_documents() {
        // 600 children of a parent that is full, and 600 of one that is still open.
        let mut ids: Vec<_> = (1..=600).map(|id| (id, 700)).collect();
        ids.push((700, 5_000));
        ids.extend((1_001..=1_600).map(|id| (id, 6_000)));
        let documents = packed(&ids, 100);
        ids.sort_unstable();
        assert_eq!(all_members(&documents), ids);
        let needed = (1_201 * 100) / LIMIT;
        assert!(
            documents.len() <= needed * 3 / 2,
            "{} documents, {needed} are the least",
            documents.len()
        );
    }

    #[test]
    fn a_group_has_the_times_and_the_number_of_its_members() {
        let ids: Vec<_> = (1..=11).map(|id| (id, 700)).collect();
        let documents = packed(&ids, 100);
        assert_eq!(documents.len(), 1);
        assert_eq!(documents[0]["start_time"], 0.000_001);
        assert_eq!(documents[0]["end_time"], 0.000_021);
        assert_eq!(documents[0]["metadata"]["xray_lambda"]["group"], 11);
    }

    #[test]
    fn a_few_siblings_and_large_ones_are_not_in_groups() {
        let few: Vec<_> = (1..=10).map(|id| (id, 700)).collect();
        assert_eq!(packed(&few, 100).len(), 10);
        let many: Vec<_> = (1..=20).map(|id| (id, 700)).collect();
        let documents = packed(&many, LIMIT - 300);
        assert_eq!(documents.len(), 20);
        assert!(
            documents
                .iter()
                .all(|document| document["name"] != GROUP_NAME)
        );
    }

    #[test]
    fn each_node_is_written_once_under_its_parent_whatever_the_order() {
        fastrand::seed(7);
        for _ in 0..100 {
            let count = fastrand::u64(1..400);
            let mut ids: Vec<_> = (1..=count)
                .map(|id| (id, fastrand::u64(0..id).max(fastrand::u64(0..3) * 10_000)))
                .collect();
            fastrand::shuffle(&mut ids);
            let documents = packed(&ids, fastrand::usize(60..900));
            ids.sort_unstable();
            assert_eq!(all_members(&documents), ids);
        }
    }
}
