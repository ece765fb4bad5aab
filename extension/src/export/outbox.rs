use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::task::{AbortHandle, Id, JoinSet};

use super::{Outcome, Sink};
use crate::Log;
use crate::batch::{Buffer, Ledger, Pending};

/// Sends what is buffered, several batches side by side, and books every answer.
#[derive(Debug)]
pub struct Outbox<S> {
    sink: Arc<S>,
    buffer: Buffer,
    tasks: JoinSet<Outcome>,
    /// In the order of their sending.
    wire: Vec<Sent>,
    /// The last batch failed: the next try is the next decision to send, not the next
    /// document that arrives.
    failing: bool,
    /// Documents that the last decision still wants sent, full batch or not.
    wanted: usize,
    /// Nothing but that is sent: whoever waits for it must not wait for what comes after.
    flushing: bool,
    until: Option<Instant>,
    warm: bool,
}

/// A batch on the wire, kept until the answer is in: one whose task died comes back.
#[derive(Debug)]
struct Sent {
    task: AbortHandle,
    batch: Arc<[Pending]>,
    at: Instant,
    /// The monotonic clock may stand still in a freeze.
    at_wall: SystemTime,
}

/// A batch that is older than this when an event of Lambda's comes went into a freeze, or
/// may as well have: X-Ray answers in tens of milliseconds.
const FROZEN: Duration = Duration::from_secs(1);

/// Batches on the wire at a time. The daemon has eight uploaders; four keep one core of
/// a small sandbox busy.
const MAX_ON_THE_WIRE: usize = 4;

impl<S: Sink> Outbox<S> {
    pub fn new(sink: S, max_bytes: usize) -> Self {
        Self {
            sink: Arc::new(sink),
            buffer: Buffer::new(max_bytes),
            tasks: JoinSet::new(),
            wire: Vec::new(),
            failing: false,
            wanted: 0,
            flushing: false,
            until: None,
            warm: false,
        }
    }

    /// Prepares the sink beside other work, once.
    pub fn warm(&mut self) {
        if !std::mem::replace(&mut self.warm, true) {
            let sink = Arc::clone(&self.sink);
            tokio::spawn(async move { sink.warm() });
        }
    }

    pub fn keep(&mut self, document: Pending, log: &mut Log) {
        let dropped = self.buffer.push(document);
        no_room(dropped, log);
    }

    /// Counts what came in and is no document.
    pub fn refuse(&mut self) {
        self.buffer.ledger.refuse();
    }

    /// Starts to send what is buffered now, and full batches that arrive meanwhile. What
    /// is on the wire at `until` comes back.
    pub fn send(&mut self, until: Instant) {
        self.flushing = false;
        self.start(until);
    }

    /// Sends what is buffered now, until [`is_settled`](Self::is_settled).
    pub fn flush(&mut self, until: Instant) {
        self.flushing = true;
        self.start(until);
    }

    /// Starts to send batches that are full, unless X-Ray was failing just now.
    pub fn send_full(&mut self, until: Instant) {
        self.flushing = false;
        self.until = Some(until);
        self.pump();
    }

    fn start(&mut self, until: Instant) {
        self.failing = false;
        self.wanted = self.buffer.len();
        self.until = Some(until);
        self.pump();
    }

    /// Puts on the wire what was wanted, and full batches where no flush is waited for, as
    /// far as there is room and time.
    fn pump(&mut self) {
        let Some(until) = self.until.filter(|until| *until > Instant::now()) else {
            self.wanted = 0;
            return;
        };
        while !self.failing
            && self.wire.len() < MAX_ON_THE_WIRE
            && (self.wanted > 0 || (!self.flushing && self.buffer.has_full_batch()))
            && let Some(batch) = self.buffer.take_batch()
        {
            self.wanted = self.wanted.saturating_sub(batch.len());
            let batch: Arc<[Pending]> = batch.into();
            let (sink, documents) = (Arc::clone(&self.sink), Arc::clone(&batch));
            let task = self
                .tasks
                .spawn(async move { sink.send(&documents, until).await });
            self.wire.push(Sent {
                task,
                batch,
                at: Instant::now(),
                at_wall: SystemTime::now(),
            });
        }
    }

    /// Waits for a batch's answer and books it; for ever, where none is on the wire.
    pub async fn answer(&mut self) -> Answer {
        match self.tasks.join_next_with_id().await {
            Some(Ok((id, outcome))) => Answer {
                id,
                outcome: Some(outcome),
            },
            Some(Err(died)) => Answer {
                id: died.id(),
                outcome: None,
            },
            None => std::future::pending().await,
        }
    }

    pub fn book(&mut self, answer: Answer, log: &mut Log) {
        let of = |sent: &Sent| sent.task.id() == answer.id;
        let Some(sent) = self.wire.iter().position(of) else {
            // It was ended after a freeze, and its documents wait again.
            return;
        };
        let batch = self.wire.remove(sent).batch;
        let dropped = match answer.outcome {
            Some(Outcome::Taken(unprocessed)) => {
                let (rejected, back) = sort(&batch, &unprocessed, log);
                self.failing |= !back.is_empty();
                self.buffer.answered(&batch, rejected, back)
            }
            Some(Outcome::Refused(reason)) => {
                log.once(format_args!("documents rejected: {reason}"));
                self.buffer.answered(&batch, batch.len(), Vec::new())
            }
            Some(Outcome::Later(reason)) => {
                log.once(format_args!(
                    "not sent yet, kept for the next flush: {reason}"
                ));
                self.failing = true;
                self.buffer.put_back(&batch)
            }
            // A bug in a sink.
            None => {
                self.failing = true;
                self.buffer.put_back(&batch)
            }
        };
        no_room(dropped, log);
        self.pump();
    }

    /// An event of Lambda's has come at `now`: ends what has been on the wire since before
    /// a freeze, whose connection may be dead without a word. Its documents wait again.
    pub fn thaw(&mut self, now: SystemTime, log: &mut Log) {
        let (frozen, live) = std::mem::take(&mut self.wire)
            .into_iter()
            .partition(|sent| {
                now.duration_since(sent.at_wall)
                    .map_or(true, |age| age >= FROZEN)
            });
        self.wire = live;
        self.put_back(frozen, log);
    }

    /// Counts what is left as dropped: the environment ends.
    pub fn give_up(&mut self, log: &mut Log) {
        if let Some(oldest) = self.wire.first() {
            log.once(format_args!(
                "not sent: {}",
                super::no_answer(oldest.at.elapsed())
            ));
        }
        let wire = std::mem::take(&mut self.wire);
        self.put_back(wire, log);
        self.buffer.give_up();
    }

    fn put_back(&mut self, wire: Vec<Sent>, log: &mut Log) {
        for sent in wire {
            sent.task.abort();
            no_room(self.buffer.put_back(&sent.batch), log);
        }
    }

    /// What the kernel lost before it could be received, in all so far.
    pub fn lose_unread(&mut self, datagrams: u64) {
        self.buffer.ledger.lose_unread(datagrams);
    }

    /// Whether nothing is on the wire, and nothing will be without another decision.
    pub fn is_settled(&self) -> bool {
        self.wire.is_empty() && (self.failing || self.wanted == 0 || self.buffer.is_empty())
    }

    /// Whether X-Ray did not take the last batch.
    pub fn is_failing(&self) -> bool {
        self.failing
    }

    pub fn has_waiting(&self) -> bool {
        !self.buffer.is_empty()
    }

    pub fn has_full_batch(&self) -> bool {
        !self.failing && self.buffer.has_full_batch()
    }

    pub fn ledger(&self) -> &Ledger {
        self.buffer.ledger()
    }
}

/// A task's end, still to be booked.
#[derive(Debug)]
pub struct Answer {
    id: Id,
    outcome: Option<Outcome>,
}

/// How many documents X-Ray rejects for good, and which may be tried again.
fn sort(
    batch: &[Pending],
    unprocessed: &[super::Unprocessed],
    log: &mut Log,
) -> (usize, Vec<Pending>) {
    let mut left: Vec<Option<&Pending>> = batch.iter().map(Some).collect();
    let (mut rejected, mut back) = (0, Vec::new());
    for one in unprocessed.iter().take(batch.len()) {
        let id = one.id.as_deref().and_then(|id| id.parse().ok());
        let document = left
            .iter_mut()
            // Of two versions of a document the newer one is what must not be lost.
            .rev()
            .find(|left| left.is_some_and(|left| Some(left.id) == id))
            .and_then(Option::take);
        let code: String = one
            .error_code
            .iter()
            .flat_map(|code| code.chars())
            .filter(char::is_ascii_alphanumeric)
            .take(64)
            .collect();
        match document {
            Some(document) if one.is_passing() => {
                log.once(format_args!("not sent yet, kept for the next flush: X-Ray left a document unprocessed: {code}"));
                back.push(document.clone());
            }
            _ => {
                log.once(format_args!(
                    "a document rejected: X-Ray left it unprocessed: {code}"
                ));
                rejected += 1;
            }
        }
    }
    (rejected, back)
}

fn no_room(dropped: usize, log: &mut Log) {
    if dropped > 0 {
        log.once("the oldest documents dropped: the buffer is full (XRAY_LAMBDA_BUFFER_BYTES sets its size)");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use xray_document::SegmentId;

    use super::*;
    use crate::export::Unprocessed;

    /// A sink that answers what it is told to, in order.
    struct Scripted(Mutex<Vec<Option<Outcome>>>);

    impl Sink for Scripted {
        async fn send(&self, _: &[Pending], _: Instant) -> Outcome {
            let next = self.0.lock().unwrap().pop();
            next.expect("a batch too many").expect("a bug in the sink")
        }
    }

    fn document(id: u64) -> Pending {
        Pending::new(None, SegmentId::from_u64(id), false, "{}")
    }

    fn outbox(answers: Vec<Option<Outcome>>) -> Outbox<Scripted> {
        let mut outbox = Outbox::new(Scripted(Mutex::new(answers)), 1 << 20);
        for id in 1..=3 {
            outbox.keep(document(id), &mut Log::default());
        }
        outbox
    }

    async fn flush(outbox: &mut Outbox<Scripted>) -> (u64, u64, u64) {
        let until = Instant::now() + Duration::from_secs(5);
        outbox.flush(until);
        while !outbox.is_settled() {
            let answer = outbox.answer().await;
            outbox.book(answer, &mut Log::default());
        }
        assert!(outbox.ledger().adds_up());
        (
            outbox.ledger().sent(),
            outbox.ledger().rejected(),
            outbox.ledger().buffered(),
        )
    }

    fn unprocessed(id: Option<&str>, code: &str) -> Unprocessed {
        Unprocessed {
            id: id.map(str::to_owned),
            error_code: Some(code.to_owned()),
        }
    }

    #[tokio::test]
    async fn a_throttled_document_waits_and_an_invalid_one_is_rejected() {
        let mut outbox = outbox(vec![
            Some(Outcome::Taken(Vec::new())),
            Some(Outcome::Taken(vec![
                unprocessed(Some("0000000000000001"), "ThrottledException"),
                unprocessed(None, "MissingId"),
            ])),
        ]);
        assert_eq!(flush(&mut outbox).await, (1, 1, 1));
        assert_eq!(flush(&mut outbox).await, (2, 1, 0));
    }

    #[tokio::test]
    async fn a_failed_batch_is_tried_once_a_flush_and_kept() {
        let mut outbox = outbox(vec![
            Some(Outcome::Refused("400".to_owned())),
            Some(Outcome::Later("429".to_owned())),
        ]);
        assert_eq!(flush(&mut outbox).await, (0, 0, 3));
        assert_eq!(flush(&mut outbox).await, (0, 3, 0));
    }

    #[tokio::test]
    async fn a_bug_in_the_sink_costs_no_document() {
        let mut outbox = outbox(vec![Some(Outcome::Taken(Vec::new())), None]);
        assert_eq!(flush(&mut outbox).await, (0, 0, 3));
        assert_eq!(flush(&mut outbox).await, (3, 0, 0));
    }

    /// A sink that never answers.
    struct Silent;

    impl Sink for Silent {
        async fn send(&self, _: &[Pending], _: Instant) -> Outcome {
            std::future::pending().await
        }
    }

    /// So many batches on the wire of an X-Ray that is silent.
    fn silent(batches: u64) -> Outbox<Silent> {
        let mut outbox = Outbox::new(Silent, 1 << 20);
        let until = Instant::now() + Duration::from_secs(5);
        for id in 1..=batches {
            outbox.keep(document(id), &mut Log::default());
            outbox.send(until);
        }
        assert!(!outbox.has_waiting());
        outbox
    }

    #[tokio::test]
    async fn what_was_on_the_wire_in_a_freeze_waits_again_in_its_order() {
        let mut outbox = silent(4);
        outbox.thaw(SystemTime::now(), &mut Log::default());
        assert!(!outbox.has_waiting(), "not long enough for a freeze");
        outbox.thaw(SystemTime::now() + FROZEN, &mut Log::default());
        assert!(
            outbox.is_settled(),
            "a flush does not wait for dead connections"
        );
        let batch = outbox.buffer.take_batch().unwrap();
        let ids: Vec<u64> = batch.iter().map(|document| document.id.as_u64()).collect();
        assert_eq!(ids, [1, 2, 3, 4]);
    }

    #[tokio::test]
    async fn the_word_of_a_batch_that_was_ended_after_a_freeze_changes_nothing() {
        let mut outbox = silent(2);
        outbox.thaw(SystemTime::now() + FROZEN, &mut Log::default());
        for _ in 0..2 {
            let answer = outbox.answer().await;
            outbox.book(answer, &mut Log::default());
        }
        assert_eq!(outbox.ledger().buffered(), 2);
        assert!(outbox.has_waiting() && !outbox.is_failing());
    }

    #[tokio::test]
    async fn what_is_left_at_the_end_is_counted_as_dropped() {
        let mut outbox = silent(3);
        outbox.give_up(&mut Log::default());
        assert!(outbox.ledger().adds_up() && outbox.ledger().dropped() == 3);
    }

    #[tokio::test]
    async fn a_flush_is_not_prolonged_by_what_arrives_meanwhile() {
        let mut outbox = outbox(vec![Some(Outcome::Taken(Vec::new()))]);
        outbox.flush(Instant::now() + Duration::from_secs(5));
        // A background task that sends faster than X-Ray answers.
        for id in 10..100 {
            outbox.keep(document(id), &mut Log::default());
        }
        let answer = outbox.answer().await;
        outbox.book(answer, &mut Log::default());
        assert!(outbox.is_settled());
        assert_eq!(
            (outbox.ledger().sent(), outbox.ledger().buffered()),
            (3, 90)
        );
    }
}
