use xray_document::limits::MAX_DATAGRAM_BYTES;
use xray_document::{DATAGRAM_HEADER, SegmentId, Timestamp, TraceId};

use super::document_packer::{self, Node};
use crate::emit::stats;
use crate::record::{Details, fragment_within};

/// Bytes of a document that are sent at most: below X-Ray's 64 KB for a document, what
/// UDP carries, and the daemon's buffer. The official SDK for Java stops there too.
pub(crate) const MAX_SENT_BYTES: usize = 63 * 1024;

const _: () = assert!(MAX_SENT_BYTES + DATAGRAM_HEADER.len() <= MAX_DATAGRAM_BYTES);

/// Bytes of finished subsegments that are held back at most before the invocation ends.
const MAX_HELD_BYTES: usize = 48 * 1024;

/// Microseconds from the last sending after which the next subsegment that ends is sent at
/// once, with all that is held: what was sent survives a timeout. Nothing else asks, for
/// that would take a timer: what no other end follows waits for the invocation's.
const MAX_HELD_MICROS: i64 = 1_000_000;

/// Microseconds before the deadline from which what ends is sent at once, with all that is
/// held: Lambda may kill the function next. At most a quarter of the time that there was.
const MAX_URGENT_MICROS: i64 = 1_000_000;

/// Bytes of a typical invocation's subsegments: about sixteen of them.
const TYPICAL_BYTES: usize = 4 * 1024;

/// Bytes of a document around the members of its one subsegment: braces, `type`,
/// `trace_id` and `parent_id`.
const ENVELOPE_BYTES: usize = 256;

/// Finished subsegments that are not yet sent, each as JSON without its braces.
#[derive(Debug)]
pub(super) struct Buffer {
    json: Vec<u8>,
    nodes: Vec<Node>,
    sent_at: Timestamp,
    urgent_from: Timestamp,
}

impl Buffer {
    pub(super) fn new(start: Timestamp, deadline: Timestamp) -> Self {
        let quarter = (deadline.as_micros() - start.as_micros()) / 4;
        let urgent = quarter.clamp(0, MAX_URGENT_MICROS);
        Self {
            json: Vec::new(),
            nodes: Vec::new(),
            sent_at: start,
            urgent_from: Timestamp::from_micros(deadline.as_micros() - urgent),
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Whether enough is held, or long enough, to be sent before the invocation ends.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.json.len() > MAX_HELD_BYTES
            || now.as_micros() - self.sent_at.as_micros() > MAX_HELD_MICROS
            || now > self.urgent_from
    }

    pub(super) fn push(
        &mut self,
        id: SegmentId,
        parent: SegmentId,
        start: Timestamp,
        end: Timestamp,
        details: &mut Details,
    ) {
        if self.json.capacity() == 0 {
            // The first one: most invocations need no more.
            self.json.reserve(TYPICAL_BYTES);
            self.nodes.reserve(TYPICAL_BYTES / 256);
        }
        let from = self.json.len();
        let limit = MAX_SENT_BYTES - ENVELOPE_BYTES;
        if fragment_within(&mut self.json, limit, id, start, end, details) {
            stats::TRUNCATED.add_one();
        }
        self.nodes.push(Node {
            id,
            parent,
            json: from..self.json.len(),
        });
    }

    /// Gives every datagram to `send` and is empty then.
    pub(super) fn drain(&mut self, root: TraceId, now: Timestamp, send: impl FnMut(&[u8])) {
        document_packer::pack(&self.json, &self.nodes, root, MAX_SENT_BYTES, send);
        self.json.clear();
        self.nodes.clear();
        self.sent_at = now;
    }
}
