use std::collections::{HashMap, VecDeque};

use xray_document::{SegmentId, TraceId};

use super::ledger::Ledger;
use super::limits::BatchLimits;
use crate::raw_document::RawDocument;

/// The documents that wait for one sink, oldest first. The limit in bytes includes documents
/// in flight, because they may have to wait again.
#[derive(Debug)]
pub(crate) struct DocumentBuffer {
    waiting: VecDeque<Pending>,
    waiting_bytes: usize,
    /// The number of waiting in-progress documents. Usually 0, which makes a search unnecessary.
    waiting_in_progress: usize,
    /// For each in-progress document in flight: whether a newer version was received since. If
    /// so, the document must not be sent again, because X-Ray keeps the version it receives
    /// last. For the same reason the newer version waits until this one is not in flight.
    superseded_in_flight: HashMap<Key, bool>,
    in_flight_bytes: usize,
    max_bytes: usize,
    next_sequence: u64,
    pub(crate) ledger: Ledger,
}

/// X-Ray identifies a document by its trace id and its id.
type Key = (Option<TraceId>, SegmentId);

/// A document in the buffer.
#[derive(Debug, Clone)]
struct Pending {
    document: RawDocument,
    /// Its position in the order of arrival, which it keeps if it has to wait again.
    sequence: u64,
    /// The largest batch that may contain it: halved each time that the sink does not accept a
    /// batch because of one of its documents.
    max_batch: usize,
}

impl Pending {
    fn key(&self) -> Key {
        (self.document.trace_id, self.document.id)
    }

    fn bytes(&self) -> usize {
        self.document.bytes()
    }
}

/// Documents that are sent together. The buffer counts them until the batch is completed or
/// put back.
#[derive(Debug)]
pub struct Batch {
    pending: Vec<Pending>,
}

impl Batch {
    pub(crate) fn documents(&self) -> impl DoubleEndedIterator<Item = &RawDocument> {
        self.pending.iter().map(|pending| &pending.document)
    }

    pub(crate) fn len(&self) -> usize {
        self.pending.len()
    }

    /// Returns whether this is a part of a batch that was split.
    pub(crate) fn is_split(&self) -> bool {
        self.pending
            .first()
            .is_some_and(|pending| pending.max_batch < usize::MAX)
    }
}

impl DocumentBuffer {
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self {
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            waiting_in_progress: 0,
            superseded_in_flight: HashMap::new(),
            in_flight_bytes: 0,
            max_bytes,
            next_sequence: 0,
            ledger: Ledger::default(),
        }
    }

    /// Adds a document, and removes its in-progress version if that waits. Returns how many old
    /// documents were dropped to make space.
    pub(crate) fn push(&mut self, document: RawDocument) -> usize {
        self.ledger.receive();
        let pending = Pending {
            document,
            sequence: self.next_sequence,
            max_batch: usize::MAX,
        };
        self.next_sequence += 1;
        let key = pending.key();
        if let Some(superseded) = self.superseded_in_flight.get_mut(&key) {
            *superseded = true;
        }
        if pending.document.in_progress
            && self
                .waiting
                .iter()
                .any(|newer| newer.key() == key && !newer.document.in_progress)
        {
            // Its datagram was late.
            self.ledger.replace();
            return 0;
        }
        if self.waiting_in_progress > 0
            && let Some(older) = self
                .waiting
                .iter()
                .rposition(|older| older.document.in_progress && older.key() == key)
            && let Some(older) = self.waiting.remove(older)
        {
            self.subtract_waiting(&older);
            self.ledger.replace();
        }
        self.add_waiting(&pending);
        self.waiting.push_back(pending);
        self.drop_oldest()
    }

    /// Takes the next batch within `limits`, oldest documents first; `None` if no document may be
    /// sent now. Its documents count as buffered until [`complete`](Self::complete),
    /// [`put_back`](Self::put_back) or [`split`](Self::split).
    ///
    /// A document over the limit in bytes is a batch of its own. A newer version of a document
    /// in flight is left out. A part of a split batch contains no other document.
    pub(crate) fn take_batch(&mut self, limits: BatchLimits) -> Option<Batch> {
        let (mut bytes, mut batch, mut left_out) = (0, Vec::new(), Vec::new());
        while let Some(pending) = self.waiting.pop_front() {
            if self.superseded_in_flight.contains_key(&pending.key()) {
                left_out.push(pending);
                continue;
            }
            let first: &Pending = batch.first().unwrap_or(&pending);
            let is_first = batch.is_empty();
            bytes += pending.document.json.len();
            let fits = batch.len() < limits.documents.min(first.max_batch)
                && bytes <= limits.bytes
                && pending.max_batch == first.max_batch;
            if !is_first && !fits {
                self.waiting.push_front(pending);
                break;
            }
            batch.push(pending);
        }
        for pending in left_out.into_iter().rev() {
            self.waiting.push_front(pending);
        }
        for pending in &batch {
            self.subtract_waiting(pending);
            self.in_flight_bytes += pending.bytes();
            if pending.document.in_progress {
                self.superseded_in_flight.insert(pending.key(), false);
            }
        }
        (!batch.is_empty()).then_some(Batch { pending: batch })
    }

    /// Counts the result of a batch: the sink rejected `rejected` documents, those at the indexes
    /// `later` wait again, and the sink accepted the rest. Returns how many documents were
    /// dropped to make space.
    pub(crate) fn complete(&mut self, batch: &Batch, rejected: usize, later: &[usize]) -> usize {
        self.ledger.reject(rejected);
        self.ledger
            .send(batch.len().saturating_sub(rejected + later.len()));
        self.remove_in_flight(batch, later.iter().copied(), usize::MAX)
    }

    /// Makes all documents of a batch wait again, each at its old position. Returns how many
    /// documents were dropped to make space.
    pub(crate) fn put_back(&mut self, batch: &Batch) -> usize {
        self.remove_in_flight(batch, 0..batch.len(), usize::MAX)
    }

    /// Makes all documents of a batch wait again, to be sent in two batches. Returns how many
    /// documents were dropped to make space.
    pub(crate) fn split(&mut self, batch: &Batch) -> usize {
        self.remove_in_flight(batch, 0..batch.len(), batch.len().div_ceil(2))
    }

    /// Drops every waiting document, because the environment ends.
    pub(crate) fn drop_waiting(&mut self) {
        self.ledger.drop(self.waiting.len());
        self.waiting.clear();
        self.waiting_bytes = 0;
        self.waiting_in_progress = 0;
    }

    /// Returns whether enough documents for a full batch wait.
    pub(crate) fn has_full_batch(&self, limits: BatchLimits) -> bool {
        self.waiting.len() >= limits.documents || self.waiting_bytes >= limits.bytes
    }

    /// Returns whether no document waits; documents may be in flight.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The number of waiting documents, without those in flight.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Removes a batch from the documents in flight. Those at the indexes `back` wait again,
    /// unless a newer version was received, and in batches of at most `max_batch`.
    fn remove_in_flight(
        &mut self,
        batch: &Batch,
        back: impl Iterator<Item = usize>,
        max_batch: usize,
    ) -> usize {
        for pending in back.filter_map(|index| batch.pending.get(index)) {
            let superseded = self.superseded_in_flight.get(&pending.key()) == Some(&true);
            if pending.document.in_progress && superseded {
                self.ledger.replace();
            } else {
                self.add_waiting(pending);
                let before = |other: &Pending| other.sequence < pending.sequence;
                let index = self.waiting.partition_point(before);
                let pending = Pending {
                    max_batch: pending.max_batch.min(max_batch),
                    ..pending.clone()
                };
                self.waiting.insert(index, pending);
            }
        }
        for pending in &batch.pending {
            self.in_flight_bytes -= pending.bytes();
            if pending.document.in_progress {
                self.superseded_in_flight.remove(&pending.key());
            }
        }
        self.drop_oldest()
    }

    fn add_waiting(&mut self, pending: &Pending) {
        self.waiting_bytes += pending.bytes();
        self.waiting_in_progress += usize::from(pending.document.in_progress);
    }

    fn subtract_waiting(&mut self, pending: &Pending) {
        self.waiting_bytes -= pending.bytes();
        self.waiting_in_progress -= usize::from(pending.document.in_progress);
    }

    fn drop_oldest(&mut self) -> usize {
        let mut dropped = 0;
        while self.waiting_bytes + self.in_flight_bytes > self.max_bytes {
            let Some(oldest) = self.waiting.pop_front() else {
                break;
            };
            self.subtract_waiting(&oldest);
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

    const LIMITS: BatchLimits = BatchLimits {
        documents: 50,
        bytes: 512 * 1024,
    };

    fn document(id: u64, bytes: usize) -> RawDocument {
        RawDocument::new(None, SegmentId::from_u64(id), false, "x".repeat(bytes))
    }

    fn in_progress(id: u64) -> RawDocument {
        RawDocument {
            in_progress: true,
            ..document(id, 10)
        }
    }

    fn ids(batch: &Batch) -> Vec<u64> {
        batch
            .documents()
            .map(|document| document.id.as_u64())
            .collect()
    }

    #[test]
    fn a_batch_ends_at_the_limit_of_documents_or_bytes() {
        let mut buffer = DocumentBuffer::new(1 << 30);
        for id in 0..60 {
            buffer.push(document(id, 10));
        }
        assert!(buffer.has_full_batch(LIMITS));
        assert_eq!(buffer.take_batch(LIMITS).unwrap().len(), 50);
        assert!(!buffer.has_full_batch(LIMITS));
        assert_eq!(buffer.take_batch(LIMITS).unwrap().len(), 10);
        assert!(buffer.take_batch(LIMITS).is_none());

        for id in 0..10 {
            buffer.push(document(id, 60_000));
        }
        let batch = buffer.take_batch(LIMITS).unwrap();
        assert_eq!(batch.len(), LIMITS.bytes / 60_000);
    }

    #[test]
    fn a_full_buffer_drops_and_counts_the_oldest_documents() {
        let mut buffer = DocumentBuffer::new(1_200);
        let dropped: usize = (0..10).map(|id| buffer.push(document(id, 300))).sum();
        assert_eq!(dropped, 7);
        assert_eq!(ids(&buffer.take_batch(LIMITS).unwrap()), [7, 8, 9]);
        assert_eq!((buffer.ledger.dropped(), buffer.ledger.buffered()), (7, 3));
    }

    #[test]
    fn documents_that_wait_again_are_in_their_old_order() {
        let mut buffer = DocumentBuffer::new(1 << 20);
        buffer.push(document(0, 10));
        let first = buffer.take_batch(LIMITS).unwrap();
        buffer.push(document(1, 10));
        buffer.push(document(2, 10));
        let second = buffer.take_batch(LIMITS).unwrap();
        buffer.push(document(3, 10));
        buffer.put_back(&first);
        buffer.put_back(&second);
        assert_eq!(ids(&buffer.take_batch(LIMITS).unwrap()), [0, 1, 2, 3]);
    }

    #[test]
    fn a_complete_document_replaces_its_waiting_in_progress_version() {
        let mut buffer = DocumentBuffer::new(1 << 20);
        let trace_id = Some(TraceId::random(1_733_337_522));
        buffer.push(in_progress(1));
        buffer.push(in_progress(2));
        buffer.push(document(1, 20));
        buffer.push(RawDocument {
            trace_id,
            ..document(2, 20)
        });
        let batch = buffer.take_batch(LIMITS).unwrap();
        let sent: Vec<_> = batch
            .documents()
            .map(|document| (document.id.as_u64(), document.in_progress))
            .collect();
        assert_eq!(
            sent,
            [(2, true), (1, false), (2, false)],
            "the same id in another trace is another document"
        );
        buffer.complete(&batch, 0, &[]);
        let ledger = &buffer.ledger;
        assert!(ledger.balances());
        assert_eq!(
            (ledger.received(), ledger.sent(), ledger.replaced()),
            (4, 3, 1)
        );
        assert!(!ledger.has_losses());
    }

    #[test]
    fn a_complete_document_waits_while_its_in_progress_version_is_in_flight() {
        let mut buffer = DocumentBuffer::new(1 << 20);
        buffer.push(in_progress(1));
        let first = buffer.take_batch(LIMITS).unwrap();
        buffer.push(document(1, 20));
        buffer.push(document(2, 20));
        let second = buffer.take_batch(LIMITS).unwrap();
        assert_eq!(ids(&second), [2], "other documents do not wait");
        assert!(buffer.take_batch(LIMITS).is_none());
        buffer.complete(&first, 0, &[]);
        assert_eq!(ids(&buffer.take_batch(LIMITS).unwrap()), [1]);
    }

    #[test]
    fn a_failed_in_progress_document_is_not_sent_again_after_its_complete_version() {
        let mut buffer = DocumentBuffer::new(1 << 20);
        buffer.push(in_progress(1));
        buffer.push(in_progress(2));
        let first = buffer.take_batch(LIMITS).unwrap();
        buffer.push(document(1, 20));
        buffer.put_back(&first);
        let again = buffer.take_batch(LIMITS).unwrap();
        let sent: Vec<_> = again
            .documents()
            .map(|document| (document.id.as_u64(), document.in_progress))
            .collect();
        assert_eq!(sent, [(2, true), (1, false)]);
        buffer.complete(&again, 0, &[]);
        assert!(buffer.ledger.balances());
        assert_eq!((buffer.ledger.sent(), buffer.ledger.replaced()), (2, 1));
    }

    #[test]
    fn an_in_progress_document_that_arrives_late_does_not_follow_its_complete_version() {
        let mut buffer = DocumentBuffer::new(1 << 20);
        buffer.push(document(1, 20));
        buffer.push(in_progress(1));
        let batch = buffer.take_batch(LIMITS).unwrap();
        assert!(batch.documents().all(|document| !document.in_progress));
        buffer.complete(&batch, 0, &[]);
        assert!(buffer.take_batch(LIMITS).is_none() && buffer.ledger.balances());
        assert_eq!((buffer.ledger.sent(), buffer.ledger.replaced()), (1, 1));
    }

    /// Sends everything to a sink that accepts no batch with a document of `invalid`. Returns
    /// the number of requests.
    fn send_all(buffer: &mut DocumentBuffer, invalid: impl Fn(u64) -> bool) -> usize {
        let mut requests = 0;
        while let Some(batch) = buffer.take_batch(LIMITS) {
            requests += 1;
            if !ids(&batch).into_iter().any(&invalid) {
                buffer.complete(&batch, 0, &[]);
            } else if batch.len() == 1 {
                buffer.complete(&batch, 1, &[]);
            } else {
                buffer.split(&batch);
            }
        }
        requests
    }

    #[test]
    fn one_invalid_document_in_any_place_is_found_in_twelve_parts() {
        for invalid in 0..50 {
            let mut buffer = DocumentBuffer::new(1 << 20);
            (0..50).for_each(|id| {
                buffer.push(document(id, 20));
            });
            let requests = send_all(&mut buffer, |id| id == invalid);
            assert!(requests <= 1 + 12, "{invalid}: {requests}");
            assert_eq!((buffer.ledger.sent(), buffer.ledger.rejected()), (49, 1));
        }
    }

    #[test]
    fn a_part_of_a_split_batch_contains_no_other_document() {
        let mut buffer = DocumentBuffer::new(1 << 20);
        (0..4).for_each(|id| {
            buffer.push(document(id, 20));
        });
        let batch = buffer.take_batch(LIMITS).unwrap();
        buffer.push(document(4, 20));
        assert!(!batch.is_split());
        buffer.split(&batch);
        for expected in [vec![0, 1], vec![2, 3], vec![4]] {
            let part = buffer.take_batch(LIMITS).unwrap();
            assert_eq!(
                (ids(&part), part.is_split()),
                (expected.clone(), expected.len() == 2)
            );
        }
    }

    proptest! {
        #[test]
        fn the_ledger_always_balances(
            steps in proptest::collection::vec((0..9_u8, 0..70_000_usize, 0..60_usize), 1..200),
            max_bytes in 0..500_000_usize,
        ) {
            let mut buffer = DocumentBuffer::new(max_bytes);
            let mut in_flight: Vec<Batch> = Vec::new();
            for (step, bytes, number) in steps {
                match step {
                    0 | 1 => { buffer.push(document(number as u64, bytes)); }
                    6 => { buffer.push(in_progress(number as u64)); }
                    2 => in_flight.extend(buffer.take_batch(LIMITS)),
                    3 => if let Some(batch) = in_flight.pop() { buffer.put_back(&batch); },
                    4 => if let Some(batch) = in_flight.pop() {
                        let rejected = number.min(batch.len());
                        let later: Vec<usize> = (rejected..batch.len()).take(number / 2).collect();
                        buffer.complete(&batch, rejected, &later);
                    },
                    5 => buffer.ledger.reject_on_arrival(),
                    7 => if let Some(batch) = in_flight.pop() { buffer.split(&batch); },
                    _ => buffer.ledger.filter_on_arrival(),
                }
                let in_flight: usize = in_flight.iter().map(Batch::len).sum();
                let waiting = &buffer.waiting;
                prop_assert!(buffer.ledger.balances());
                prop_assert_eq!(buffer.ledger.buffered() as usize, waiting.len() + in_flight);
                prop_assert_eq!(buffer.waiting_bytes, waiting.iter().map(Pending::bytes).sum::<usize>());
                let in_progress = waiting.iter().filter(|pending| pending.document.in_progress);
                prop_assert_eq!(buffer.waiting_in_progress, in_progress.count());
                prop_assert!(buffer.waiting_bytes + buffer.in_flight_bytes <= max_bytes || waiting.is_empty());
            }
        }
    }
}
