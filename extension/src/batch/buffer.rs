use std::collections::VecDeque;

use xray_document::SegmentId;
use xray_document::limits::MAX_DOCUMENTS_PER_PUT;

use super::{Ledger, MAX_BATCH_BYTES};

/// Documents that wait for X-Ray, oldest first, bounded in bytes. Those on the wire
/// count until their answer is in, since they may come back.
#[derive(Debug)]
pub struct Buffer {
    waiting: VecDeque<Pending>,
    waiting_bytes: usize,
    wire_bytes: usize,
    max_bytes: usize,
    pub(crate) ledger: Ledger,
}

/// A document on its way, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// By which X-Ray names it in `UnprocessedTraceSegments`.
    pub id: SegmentId,
    pub json: Box<str>,
}

impl Pending {
    /// Memory, and not only text: an empty document is not free.
    fn bytes(&self) -> usize {
        self.json.len() + size_of::<Self>()
    }
}

impl Buffer {
    pub fn new(max_bytes: usize) -> Self {
        Self {
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            wire_bytes: 0,
            max_bytes,
            ledger: Ledger::default(),
        }
    }

    /// Keeps a document that came in. Returns how many old ones had to go for it.
    pub fn push(&mut self, document: Pending) -> usize {
        self.ledger.keep();
        self.waiting_bytes += document.bytes();
        self.waiting.push_back(document);
        self.make_room()
    }

    /// The next batch to send, oldest first; `None` where nothing waits. It counts as
    /// buffered until [`answered`](Self::answered) or [`put_back`](Self::put_back).
    pub fn take_batch(&mut self) -> Option<Vec<Pending>> {
        let mut bytes = 0;
        let fit = self
            .waiting
            .iter()
            .take(MAX_DOCUMENTS_PER_PUT)
            .take_while(|document| {
                bytes += document.json.len();
                bytes <= MAX_BATCH_BYTES
            });
        // One document is within the batch's limit: intake takes none over 64 KB.
        let count = fit.count().max(usize::from(!self.waiting.is_empty()));
        let batch: Vec<Pending> = self.waiting.drain(..count).collect();
        let bytes: usize = batch.iter().map(Pending::bytes).sum();
        self.waiting_bytes -= bytes;
        self.wire_bytes += bytes;
        (!batch.is_empty()).then_some(batch)
    }

    /// X-Ray's word on a batch: all but `rejected` and `back` were taken, and `back`
    /// may be tried again. Returns how many had to go for want of room.
    pub fn answered(&mut self, batch: &[Pending], rejected: usize, back: Vec<Pending>) -> usize {
        self.leave_wire(batch);
        self.ledger.reject(rejected);
        self.ledger
            .send(batch.len().saturating_sub(rejected + back.len()));
        self.return_to_front(back)
    }

    /// No word on a batch: all of it waits again, in its old place. Returns how many had
    /// to go for want of room.
    pub fn put_back(&mut self, batch: &[Pending]) -> usize {
        self.leave_wire(batch);
        self.return_to_front(batch.to_vec())
    }

    /// Gives up what waits: the environment ends. Returns how many that were.
    pub fn give_up(&mut self) -> usize {
        let lost = self.waiting.len();
        self.waiting.clear();
        self.waiting_bytes = 0;
        self.ledger.drop(lost);
        lost
    }

    /// Whether a batch could go that no later document would make fuller.
    pub fn has_full_batch(&self) -> bool {
        self.waiting.len() >= MAX_DOCUMENTS_PER_PUT || self.waiting_bytes >= MAX_BATCH_BYTES
    }

    /// Whether nothing waits; there may be documents on the wire.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Documents that wait, without those on the wire.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn leave_wire(&mut self, batch: &[Pending]) {
        self.wire_bytes -= batch.iter().map(Pending::bytes).sum::<usize>();
    }

    fn return_to_front(&mut self, documents: Vec<Pending>) -> usize {
        for document in documents.into_iter().rev() {
            self.waiting_bytes += document.bytes();
            self.waiting.push_front(document);
        }
        self.make_room()
    }

    fn make_room(&mut self) -> usize {
        let mut dropped = 0;
        while self.waiting_bytes + self.wire_bytes > self.max_bytes {
            let Some(oldest) = self.waiting.pop_front() else {
                break;
            };
            self.waiting_bytes -= oldest.bytes();
            dropped += 1;
        }
        self.ledger.drop(dropped);
        dropped
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn document(id: u64, bytes: usize) -> Pending {
        Pending {
            id: SegmentId::from_u64(id),
            json: "x".repeat(bytes).into(),
        }
    }

    #[test]
    fn a_batch_is_fifty_documents_or_its_limit_in_bytes() {
        let mut buffer = Buffer::new(1 << 30);
        for id in 0..60 {
            buffer.push(document(id, 10));
        }
        assert!(buffer.has_full_batch());
        assert_eq!(buffer.take_batch().unwrap().len(), 50);
        assert!(!buffer.has_full_batch());
        assert_eq!(buffer.take_batch().unwrap().len(), 10);
        assert_eq!(buffer.take_batch(), None);

        for id in 0..10 {
            buffer.push(document(id, 60_000));
        }
        assert_eq!(buffer.take_batch().unwrap().len(), MAX_BATCH_BYTES / 60_000);
    }

    #[test]
    fn the_oldest_go_when_there_is_no_room_and_are_counted() {
        let mut buffer = Buffer::new(1_000);
        let dropped: usize = (0..10).map(|id| buffer.push(document(id, 300))).sum();
        assert_eq!(dropped, 7);
        let left: Vec<u64> = buffer
            .take_batch()
            .unwrap()
            .iter()
            .map(|document| document.id.as_u64())
            .collect();
        assert_eq!(left, [7, 8, 9]);
        assert_eq!(
            (buffer.ledger().dropped(), buffer.ledger().buffered()),
            (7, 3)
        );
    }

    #[test]
    fn what_comes_back_goes_first_again_and_in_order() {
        let mut buffer = Buffer::new(1 << 20);
        for id in 0..3 {
            buffer.push(document(id, 10));
        }
        let batch = buffer.take_batch().unwrap();
        buffer.push(document(3, 10));
        buffer.put_back(&batch);
        let ids: Vec<u64> = buffer
            .take_batch()
            .unwrap()
            .iter()
            .map(|document| document.id.as_u64())
            .collect();
        assert_eq!(ids, [0, 1, 2, 3]);
    }

    proptest! {
        #[test]
        fn the_ledger_adds_up_whatever_happens(
            steps in proptest::collection::vec((0..6_u8, 0..70_000_usize, 0..60_usize), 1..200),
            max_bytes in 0..500_000_usize,
        ) {
            let mut buffer = Buffer::new(max_bytes);
            let mut wire: Vec<Vec<Pending>> = Vec::new();
            for (step, bytes, number) in steps {
                match step {
                    0 | 1 => { buffer.push(document(number as u64, bytes)); }
                    2 => wire.extend(buffer.take_batch()),
                    3 => if let Some(batch) = wire.pop() { buffer.put_back(&batch); },
                    4 => if let Some(batch) = wire.pop() {
                        let rejected = number.min(batch.len());
                        let back = batch[rejected..].iter().take(number / 2).cloned().collect();
                        buffer.answered(&batch, rejected, back);
                    },
                    _ => buffer.ledger.refuse(),
                }
                let on_the_wire: usize = wire.iter().map(Vec::len).sum();
                prop_assert!(buffer.ledger().adds_up());
                prop_assert_eq!(buffer.ledger().buffered() as usize, buffer.waiting.len() + on_the_wire);
                prop_assert_eq!(buffer.waiting_bytes, buffer.waiting.iter().map(Pending::bytes).sum::<usize>());
                prop_assert!(buffer.waiting_bytes + buffer.wire_bytes <= max_bytes || buffer.waiting.is_empty());
            }
        }
    }
}
