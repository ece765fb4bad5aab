use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use tokio::task::{Id, JoinSet};

use super::{Outcome, Sink};
use crate::Log;
use crate::batch::{Buffer, Ledger, Pending};

/// Sends what is buffered, several batches side by side, and books every answer.
#[derive(Debug)]
pub struct Outbox<S> {
    sink: Arc<S>,
    buffer: Buffer,
    wire: JoinSet<Outcome>,
    /// Kept until the answer is in: a batch whose task died or was ended comes back.
    batches: HashMap<Id, Arc<[Pending]>>,
    /// The last batch failed: the next try is the next decision to send, not the next
    /// document that arrives.
    failing: bool,
    /// Documents that the last decision still wants sent, full batch or not.
    wanted: usize,
    until: Option<Instant>,
    warm: bool,
}

/// Batches on the wire at a time. The daemon has eight uploaders; four keep one core of
/// a small sandbox busy.
const MAX_ON_THE_WIRE: usize = 4;

impl<S: Sink> Outbox<S> {
    pub fn new(sink: S, max_bytes: usize) -> Self {
        Self {
            sink: Arc::new(sink),
            buffer: Buffer::new(max_bytes),
            wire: JoinSet::new(),
            batches: HashMap::new(),
            failing: false,
            wanted: 0,
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

    /// Starts to send what is buffered now. What is on the wire at `until` comes back.
    pub fn send(&mut self, until: Instant) {
        self.start(self.buffer.len(), until);
    }

    /// Sends everything, also what arrives meanwhile, until [`is_settled`](Self::is_settled).
    pub fn flush(&mut self, until: Instant) {
        self.start(usize::MAX, until);
    }

    /// Starts to send batches that are full, unless X-Ray was failing just now.
    pub fn send_full(&mut self, until: Instant) {
        self.until = Some(until);
        self.pump();
    }

    fn start(&mut self, wanted: usize, until: Instant) {
        self.failing = false;
        self.wanted = wanted;
        self.until = Some(until);
        self.pump();
    }

    /// Puts on the wire what was wanted, and full batches in any case, as far as there
    /// is room and time.
    fn pump(&mut self) {
        let Some(until) = self.until.filter(|until| *until > Instant::now()) else {
            self.wanted = 0;
            return;
        };
        while !self.failing
            && self.wire.len() < MAX_ON_THE_WIRE
            && (self.wanted > 0 || self.buffer.has_full_batch())
            && let Some(batch) = self.buffer.take_batch()
        {
            self.wanted = self.wanted.saturating_sub(batch.len());
            let batch: Arc<[Pending]> = batch.into();
            let (sink, documents) = (Arc::clone(&self.sink), Arc::clone(&batch));
            let task = self
                .wire
                .spawn(async move { sink.send(&documents, until).await });
            self.batches.insert(task.id(), batch);
        }
    }

    /// Waits for a batch's answer and books it; for ever, where none is on the wire.
    pub async fn answer(&mut self) -> Answer {
        match self.wire.join_next_with_id().await {
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
        let Some(batch) = self.batches.remove(&answer.id) else {
            return;
        };
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
            // A bug in a sink, or a batch that was ended at its deadline.
            None => {
                self.failing = true;
                self.buffer.put_back(&batch)
            }
        };
        no_room(dropped, log);
        self.pump();
    }

    /// Ends what is on the wire; its documents wait again.
    pub fn abandon(&mut self, log: &mut Log) {
        self.wire = JoinSet::new();
        self.wanted = 0;
        for batch in std::mem::take(&mut self.batches).into_values() {
            no_room(self.buffer.put_back(&batch), log);
        }
    }

    /// Counts what is left as dropped: the environment ends.
    pub fn give_up(&mut self, log: &mut Log) -> usize {
        self.abandon(log);
        self.buffer.give_up()
    }

    /// Whether nothing is on the wire, and nothing will be without another decision.
    pub fn is_settled(&self) -> bool {
        self.wire.is_empty() && (self.failing || self.wanted == 0 || self.buffer.is_empty())
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
    use std::time::Duration;

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

    fn outbox(answers: Vec<Option<Outcome>>) -> Outbox<Scripted> {
        let mut outbox = Outbox::new(Scripted(Mutex::new(answers)), 1 << 20);
        for id in 1..=3 {
            let document = Pending {
                id: format!("{id:016x}").parse().unwrap(),
                json: "{}".into(),
            };
            outbox.keep(document, &mut Log::default());
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
            message: None,
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

    #[tokio::test]
    async fn what_is_abandoned_on_the_wire_waits_again() {
        let mut outbox = outbox(Vec::new());
        outbox.send(Instant::now() + Duration::from_secs(5));
        assert!(!outbox.has_waiting());
        outbox.abandon(&mut Log::default());
        assert_eq!(outbox.ledger().buffered(), 3);
        assert_eq!(outbox.give_up(&mut Log::default()), 3);
        assert!(outbox.ledger().adds_up() && outbox.ledger().dropped() == 3);
    }
}
