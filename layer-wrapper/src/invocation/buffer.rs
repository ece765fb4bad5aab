use xray_document::limits::MAX_DATAGRAM_BYTES;
use xray_document::{DATAGRAM_HEADER, SegmentId, Timestamp, TraceId};

use super::document_packer::{self, Node};
use crate::emit::{Datagrams, stats};
use crate::record::{Details, fragment_within};

/// Maximum number of bytes of a document. This is below X-Ray's limit of 64 KB, the size of a UDP
/// datagram and the daemon's buffer. The official SDK for Java has the same limit.
pub(crate) const MAX_SENT_BYTES: usize = 63 * 1024;

const _: () = assert!(MAX_SENT_BYTES + DATAGRAM_HEADER.len() <= MAX_DATAGRAM_BYTES);

/// Maximum number of bytes of finished subsegments that wait for the end of the invocation. Their
/// parents end with it, so that few documents hold them all. X-Ray keeps a trace of at most
/// 500 KB, and the smallest function has 128 MB.
const MAX_HELD_BYTES: usize = 512 * 1024;

/// Microseconds after the last send until the next subsegment that ends sends the whole
/// buffer, so that the subsegments survive a timeout. A subsegment that no other follows
/// waits for the end of the invocation, because sending it earlier would need a timer.
const MAX_HELD_MICROS: i64 = 1_000_000;

/// Microseconds before the deadline from which each subsegment that ends sends the whole
/// buffer, because Lambda may kill the function next. It is at most a quarter of the time
/// between start and deadline.
const MAX_URGENT_MICROS: i64 = 1_000_000;

/// Bytes of a typical invocation's subsegments, about sixteen of them.
const TYPICAL_BYTES: usize = 4 * 1024;

/// The finished subsegments that are not sent yet, each as JSON without its braces.
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

    /// Returns whether to send now, before the invocation ends: the buffer is large, or has waited
    /// long, or the deadline is near.
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
            // One allocation is enough for most invocations.
            self.json.reserve(TYPICAL_BYTES);
            self.nodes.reserve(TYPICAL_BYTES / 256);
        }
        let from = self.json.len();
        let limit = MAX_SENT_BYTES - document_packer::ENVELOPE_BYTES;
        if fragment_within(&mut self.json, limit, id, start, end, details) {
            stats::TRUNCATED.add_one();
        }
        self.nodes.push(Node {
            id,
            parent,
            start,
            end: end.max(start),
            json: from..self.json.len(),
        });
    }

    /// Moves all subsegments to `datagrams`. `new_id` makes the ids of subsegments that hold
    /// others.
    pub(super) fn drain(
        &mut self,
        root: TraceId,
        now: Timestamp,
        new_id: impl FnMut() -> SegmentId,
        datagrams: &mut Datagrams,
    ) {
        document_packer::pack(
            &self.json,
            &self.nodes,
            root,
            MAX_SENT_BYTES,
            new_id,
            datagrams,
        );
        self.json.clear();
        self.nodes.clear();
        self.sent_at = now;
    }
}
