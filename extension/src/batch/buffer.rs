use std::collections::{HashMap, VecDeque};

use xray_document::limits::MAX_DOCUMENTS_PER_PUT;
use xray_document::{SegmentId, TraceId};

use super::{Ledger, MAX_BATCH_BYTES};

/// Documents that wait for X-Ray, oldest first, bounded in bytes. Those on the wire
/// count until their answer is in, since they may come back.
#[derive(Debug)]
pub struct Buffer {
    waiting: VecDeque<Pending>,
    waiting_bytes: usize,
    /// How many of them are in progress: mostly none, and then nobody looks for them.
    waiting_in_progress: usize,
    /// The in-progress documents on the wire, and whether a newer version of them has
    /// come meanwhile: they must not come back, since the last that X-Ray takes stays.
    wire_in_progress: HashMap<Key, bool>,
    wire_bytes: usize,
    max_bytes: usize,
    /// How many documents have come in.
    places: u64,
    pub(crate) ledger: Ledger,
}

/// A document on its way, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// By which X-Ray names it in `UnprocessedTraceSegments`.
    pub id: SegmentId,
    pub trace_id: Option<TraceId>,
    /// A newer version takes its place, here as at X-Ray.
    pub in_progress: bool,
    pub json: Box<str>,
    /// Its place among those that came in.
    place: u64,
}

/// What X-Ray knows a document by.
type Key = (Option<TraceId>, SegmentId);

impl Pending {
    pub fn new(
        trace_id: Option<TraceId>,
        id: SegmentId,
        in_progress: bool,
        json: impl Into<Box<str>>,
    ) -> Self {
        Self {
            id,
            trace_id,
            in_progress,
            json: json.into(),
            place: 0,
        }
    }

    /// Memory, and not only text: an empty document is not free.
    fn bytes(&self) -> usize {
        self.json.len() + size_of::<Self>()
    }

    fn key(&self) -> Key {
        (self.trace_id, self.id)
    }
}

impl Buffer {
    pub fn new(max_bytes: usize) -> Self {
        Self {
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            waiting_in_progress: 0,
            wire_in_progress: HashMap::new(),
            wire_bytes: 0,
            max_bytes,
            places: 0,
            ledger: Ledger::default(),
        }
    }

    /// Keeps a document that came in, in place of an in-progress version of it. Returns
    /// how many old ones had to go for it.
    pub fn push(&mut self, mut document: Pending) -> usize {
        self.ledger.keep();
        document.place = self.places;
        self.places += 1;
        let key = document.key();
        if let Some(outrun) = self.wire_in_progress.get_mut(&key) {
            *outrun = true;
        }
        if self.waiting_in_progress > 0
            && let Some(older) = self
                .waiting
                .iter()
                .rposition(|older| older.in_progress && older.key() == key)
            && let Some(older) = self.waiting.remove(older)
        {
            self.left_waiting(&older);
            self.ledger.replace();
        }
        self.is_waiting(&document);
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
        for document in &batch {
            self.left_waiting(document);
            self.wire_bytes += document.bytes();
            if document.in_progress {
                self.wire_in_progress.insert(document.key(), false);
            }
        }
        (!batch.is_empty()).then_some(batch)
    }

    /// X-Ray's word on a batch: all but `rejected` and `back` were taken, and `back`
    /// may be tried again. Returns how many had to go for want of room.
    pub fn answered(&mut self, batch: &[Pending], rejected: usize, back: Vec<Pending>) -> usize {
        self.ledger.reject(rejected);
        self.ledger
            .send(batch.len().saturating_sub(rejected + back.len()));
        self.leave_wire(batch, back)
    }

    /// No word on a batch: all of it waits again, in its old place. Returns how many had
    /// to go for want of room.
    pub fn put_back(&mut self, batch: &[Pending]) -> usize {
        self.leave_wire(batch, batch.to_vec())
    }

    /// Gives up what waits: the environment ends. Returns how many that were.
    pub fn give_up(&mut self) -> usize {
        let lost = self.waiting.len();
        self.waiting.clear();
        self.waiting_bytes = 0;
        self.waiting_in_progress = 0;
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

    /// A batch is answered or lost; `back` waits again, but for what is outdated by now.
    fn leave_wire(&mut self, batch: &[Pending], back: Vec<Pending>) -> usize {
        for document in back {
            if document.in_progress && self.wire_in_progress.get(&document.key()) == Some(&true) {
                self.ledger.replace();
            } else {
                self.is_waiting(&document);
                let before = |other: &Pending| other.place < document.place;
                let place = self.waiting.partition_point(before);
                self.waiting.insert(place, document);
            }
        }
        for document in batch {
            self.wire_bytes -= document.bytes();
            if document.in_progress {
                self.wire_in_progress.remove(&document.key());
            }
        }
        self.make_room()
    }

    fn is_waiting(&mut self, document: &Pending) {
        self.waiting_bytes += document.bytes();
        self.waiting_in_progress += usize::from(document.in_progress);
    }

    fn left_waiting(&mut self, document: &Pending) {
        self.waiting_bytes -= document.bytes();
        self.waiting_in_progress -= usize::from(document.in_progress);
    }

    fn make_room(&mut self) -> usize {
        let mut dropped = 0;
        while self.waiting_bytes + self.wire_bytes > self.max_bytes {
            let Some(oldest) = self.waiting.pop_front() else {
                break;
            };
            self.left_waiting(&oldest);
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
        Pending::new(None, SegmentId::from_u64(id), false, "x".repeat(bytes))
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
        let mut buffer = Buffer::new(1_200);
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
    fn what_comes_back_takes_its_old_place_whichever_batch_comes_first() {
        let mut buffer = Buffer::new(1 << 20);
        buffer.push(document(0, 10));
        let first = buffer.take_batch().unwrap();
        buffer.push(document(1, 10));
        buffer.push(document(2, 10));
        let second = buffer.take_batch().unwrap();
        buffer.push(document(3, 10));
        buffer.put_back(&first);
        buffer.put_back(&second);
        let ids: Vec<u64> = buffer
            .take_batch()
            .unwrap()
            .iter()
            .map(|document| document.id.as_u64())
            .collect();
        assert_eq!(ids, [0, 1, 2, 3]);
    }

    fn in_progress(id: u64) -> Pending {
        Pending {
            in_progress: true,
            ..document(id, 10)
        }
    }

    #[test]
    fn a_complete_document_takes_the_place_of_its_in_progress_version_that_waits() {
        let mut buffer = Buffer::new(1 << 20);
        let trace_id = Some(TraceId::random(1_733_337_522));
        buffer.push(in_progress(1));
        buffer.push(in_progress(2));
        buffer.push(document(1, 20));
        buffer.push(Pending {
            trace_id,
            ..document(2, 20)
        });
        let batch = buffer.take_batch().unwrap();
        let sent: Vec<_> = batch
            .iter()
            .map(|document| (document.id.as_u64(), document.in_progress))
            .collect();
        assert_eq!(
            sent,
            [(2, true), (1, false), (2, false)],
            "another trace's is another"
        );
        buffer.answered(&batch, 0, Vec::new());
        let ledger = buffer.ledger();
        assert!(ledger.adds_up());
        assert_eq!(
            (ledger.received(), ledger.sent(), ledger.replaced()),
            (4, 3, 1)
        );
        assert!(!ledger.has_losses());
    }

    #[test]
    fn an_in_progress_document_that_comes_back_after_its_complete_version_is_not_sent_again() {
        let mut buffer = Buffer::new(1 << 20);
        buffer.push(in_progress(1));
        buffer.push(in_progress(2));
        let first = buffer.take_batch().unwrap();
        buffer.push(document(1, 20));
        let second = buffer.take_batch().unwrap();
        buffer.answered(&second, 0, Vec::new());
        buffer.put_back(&first);
        let again = buffer.take_batch().unwrap();
        let ids: Vec<u64> = again.iter().map(|document| document.id.as_u64()).collect();
        assert_eq!(ids, [2]);
        buffer.answered(&again, 0, Vec::new());
        assert!(buffer.ledger().adds_up());
        assert_eq!((buffer.ledger().sent(), buffer.ledger().replaced()), (2, 1));
    }

    proptest! {
        #[test]
        fn the_ledger_adds_up_whatever_happens(
            steps in proptest::collection::vec((0..7_u8, 0..70_000_usize, 0..60_usize), 1..200),
            max_bytes in 0..500_000_usize,
        ) {
            let mut buffer = Buffer::new(max_bytes);
            let mut wire: Vec<Vec<Pending>> = Vec::new();
            for (step, bytes, number) in steps {
                match step {
                    0 | 1 => { buffer.push(document(number as u64, bytes)); }
                    6 => { buffer.push(in_progress(number as u64)); }
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
                prop_assert_eq!(buffer.waiting_in_progress, buffer.waiting.iter().filter(|document| document.in_progress).count());
                prop_assert!(buffer.waiting_bytes + buffer.wire_bytes <= max_bytes || buffer.waiting.is_empty());
            }
        }
    }
}
