use std::future::{pending, poll_fn};
use std::sync::Mutex;
use std::task::Poll;

use proptest::prelude::*;
use tokio::task::yield_now;
use xray_document::SegmentId;

use super::*;
use crate::export::sink::{LeftOut, SendFuture};

const LIMITS: BatchLimits = BatchLimits {
    documents: 50,
    bytes: 512 * 1024,
};

/// A sink with scripted outcomes, taken from the end; `None` is a panic. Without an outcome it
/// never responds.
#[derive(Debug)]
struct Scripted(Mutex<Vec<Option<Outcome>>>);

impl Sink for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn limits(&self) -> BatchLimits {
        LIMITS
    }

    fn batches_in_flight(&self) -> usize {
        4
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(30)
    }

    fn send<'a>(&'a self, _: &'a Batch, _: Instant) -> SendFuture<'a> {
        Box::pin(async {
            let next = self.0.lock().unwrap().pop();
            match next {
                Some(outcome) => outcome.expect("no panic"),
                None => pending().await,
            }
        })
    }
}

fn accepted() -> Option<Outcome> {
    Some(Outcome::Accepted(Vec::new()))
}

fn later() -> Option<Outcome> {
    Some(Outcome::Later("429".into()))
}

fn document(id: u64) -> RawDocument {
    RawDocument::new(None, SegmentId::from_u64(id), false, "{}")
}

/// An exporter with three documents.
fn exporter(outcomes: Vec<Option<Outcome>>) -> Exporter {
    let mut exporter = Exporter::with_seed(Scripted(Mutex::new(outcomes)), 1 << 20, 7);
    push(&mut exporter, 1..=3);
    exporter
}

fn push(exporter: &mut Exporter, ids: impl IntoIterator<Item = u64>) {
    for id in ids {
        exporter.push(document(id), &mut Log::default());
    }
}

async fn complete_next(exporter: &mut Exporter, now: Instant) {
    let finished = poll_fn(|context| exporter.poll_finished(context)).await;
    exporter.complete(finished, now, &mut Log::default());
}

fn tick(exporter: &mut Exporter, now: Instant) {
    exporter.tick(now, SystemTime::now(), &mut Log::default());
}

async fn flush(exporter: &mut Exporter) -> (u64, u64, u64) {
    flush_at(exporter, Instant::now()).await
}

async fn flush_at(exporter: &mut Exporter, now: Instant) -> (u64, u64, u64) {
    exporter.flush(now + HOLD, now);
    while !exporter.is_idle() {
        complete_next(exporter, now).await;
    }
    let ledger = exporter.ledger();
    assert!(ledger.balances());
    (ledger.sent(), ledger.rejected(), ledger.buffered())
}

const HOLD: Duration = Duration::from_secs(2);

#[tokio::test]
async fn a_document_left_out_waits_or_is_rejected() {
    let left_out = |index, fate| LeftOut {
        index,
        fate,
        reason: "why".to_owned(),
    };
    let mut exporter = exporter(vec![
        accepted(),
        Some(Outcome::Accepted(vec![
            left_out(0, Fate::Later),
            left_out(2, Fate::Rejected),
        ])),
    ]);
    assert_eq!(flush(&mut exporter).await, (1, 1, 1));
    assert_eq!(flush(&mut exporter).await, (2, 1, 0));
}

#[tokio::test]
async fn a_failed_batch_is_sent_once_in_each_flush() {
    let mut exporter = exporter(vec![Some(Outcome::Rejected("full".to_owned())), later()]);
    assert_eq!(flush(&mut exporter).await, (0, 0, 3));
    assert_eq!(flush(&mut exporter).await, (0, 3, 0));
}

#[tokio::test]
async fn a_panic_in_the_sink_loses_no_document() {
    let mut exporter = exporter(vec![accepted(), None]);
    assert_eq!(flush(&mut exporter).await, (0, 0, 3));
    assert_eq!(flush(&mut exporter).await, (3, 0, 0));
}

#[tokio::test]
async fn after_two_failed_flushes_nothing_is_sent_until_the_next_attempt() {
    let mut exporter = exporter(vec![accepted(), later(), later()]);
    let now = Instant::now();
    assert_eq!(flush_at(&mut exporter, now).await, (0, 0, 3));
    assert!(exporter.can_delay());
    assert_eq!(flush_at(&mut exporter, now).await, (0, 0, 3));
    assert!(!exporter.can_delay());
    for _ in 0..30 {
        exporter.flush(now + HOLD, now);
        exporter.send(now);
        assert!(exporter.is_idle() && exporter.in_flight.is_empty());
    }
    let attempt = exporter.due().expect("the next attempt");
    tick(&mut exporter, attempt);
    assert!(exporter.is_idle(), "beside the handler");
    complete_next(&mut exporter, attempt).await;
    assert!(exporter.can_delay());
    assert_eq!((exporter.ledger().sent(), exporter.due()), (3, None));
}

#[tokio::test]
async fn an_attempt_is_one_batch_and_its_success_sends_the_rest() {
    let mut exporter = exporter(vec![accepted(), accepted(), later(), later()]);
    let now = Instant::now();
    push(&mut exporter, 4..=80);
    flush_at(&mut exporter, now).await;
    flush_at(&mut exporter, now).await;
    let attempt = exporter.due().unwrap();
    tick(&mut exporter, attempt);
    assert_eq!(exporter.in_flight.len(), 1);
    complete_next(&mut exporter, attempt).await;
    complete_next(&mut exporter, attempt).await;
    assert_eq!(exporter.ledger().sent(), 80);
}

#[tokio::test]
async fn ten_minutes_of_throttling_take_few_requests() {
    let mut exporter = exporter((0..600).map(|_| later()).collect());
    let begun = Instant::now();
    let mut requests = 0;
    // As on Managed Instances: documents all the time, and a call of `send` each second.
    for second in 0..600 {
        let now = begun + Duration::from_secs(second);
        push(&mut exporter, 10 * second..10 * second + 10);
        exporter.send(now);
        tick(&mut exporter, now);
        while !exporter.in_flight.is_empty() {
            complete_next(&mut exporter, now).await;
            requests += 1;
        }
    }
    assert!((30..=50).contains(&requests), "{requests} requests");
    assert_eq!(exporter.ledger().buffered(), 6_003);
}

/// An exporter with this number of batches in flight, whose sink never responds.
fn silent(batches: u64, now: Instant) -> Exporter {
    let mut exporter = Exporter::with_seed(Scripted(Mutex::default()), 1 << 20, 7);
    for id in 1..=batches {
        push(&mut exporter, [id]);
        exporter.send(now);
    }
    assert!(!exporter.has_waiting());
    exporter
}

#[tokio::test]
async fn a_request_lives_on_after_the_flush_that_waited_for_it() {
    let now = Instant::now();
    let mut exporter = silent(0, now);
    for n in 0..2 {
        let now = now + 2 * n * HOLD;
        push(&mut exporter, [u64::from(n)]);
        exporter.flush(now + HOLD, now);
        assert!(!exporter.is_idle() && exporter.can_delay());
        let mut time = now;
        while time < now + HOLD {
            time = exporter.due().unwrap();
            tick(&mut exporter, time);
        }
    }
    assert!(exporter.is_idle() && !exporter.can_delay());
    let sent: Vec<usize> = exporter
        .in_flight
        .iter()
        .map(|sent| sent.batch.len())
        .collect();
    assert_eq!(sent, [1, 1], "each document is sent once");
}

/// A sink whose requests hang for ever if their number, from 0, says so. It answers the others.
#[derive(Debug)]
struct Hanging(Mutex<u32>, fn(u32) -> bool);

impl Sink for Hanging {
    fn name(&self) -> &'static str {
        "hanging"
    }

    fn limits(&self) -> BatchLimits {
        LIMITS
    }

    fn batches_in_flight(&self) -> usize {
        4
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(30)
    }

    fn send<'a>(&'a self, _: &'a Batch, _: Instant) -> SendFuture<'a> {
        let mut number = self.0.lock().unwrap();
        let hangs = (self.1)(*number);
        *number += 1;
        Box::pin(async move {
            if hangs {
                pending::<()>().await;
            }
            Outcome::Accepted(Vec::new())
        })
    }
}

/// The indices of the invocations, one every 300 ms with one document each, that are held until
/// the end of their flush.
async fn held_invocations(hangs: fn(u32) -> bool, invocations: u64) -> Vec<u64> {
    let mut exporter = Exporter::with_seed(Hanging(Mutex::new(0), hangs), 1 << 20, 7);
    let (mut now, mut held) = (Instant::now(), Vec::new());
    for n in 0..invocations {
        push(&mut exporter, [n]);
        exporter.flush(now + HOLD, now);
        for _ in 0..4 {
            yield_now().await;
            let finished = poll_fn(|context| match exporter.poll_finished(context) {
                Poll::Ready(finished) => Poll::Ready(Some(finished)),
                Poll::Pending => Poll::Ready(None),
            });
            if let Some(finished) = finished.await {
                exporter.complete(finished, now, &mut Log::default());
            }
        }
        if !exporter.is_idle() {
            held.push(n);
        }
        let until = now + HOLD;
        while !exporter.is_idle() && now < until {
            now = exporter.due().unwrap();
            tick(&mut exporter, now);
        }
        for _ in 0..2 {
            now += Duration::from_millis(150);
            tick(&mut exporter, now);
        }
    }
    held
}

#[tokio::test]
async fn a_request_that_hangs_holds_one_invocation() {
    assert_eq!(held_invocations(|request| request == 0, 60).await, [0]);
}

#[tokio::test]
async fn if_every_second_request_hangs_two_invocations_are_held() {
    let held = held_invocations(|request| request % 2 == 0, 60).await;
    assert_eq!(held, [0, 2]);
}

#[tokio::test]
async fn documents_that_have_no_place_in_flight_hold_no_invocation() {
    let hangs = |request: u32| request.is_multiple_of(12);
    let held = held_invocations(hangs, 60).await;
    assert_eq!(held, [0, 12, 24, 36], "and then all four places are taken");
}

#[tokio::test]
async fn a_partial_answer_to_an_attempt_is_followed_by_a_pause() {
    let partial = Outcome::Accepted(vec![LeftOut {
        index: 0,
        fate: Fate::Later,
        reason: "throttled".to_owned(),
    }]);
    let mut exporter = exporter(vec![Some(partial), later(), later()]);
    let now = Instant::now();
    flush_at(&mut exporter, now).await;
    flush_at(&mut exporter, now).await;
    let attempt = exporter.due().unwrap();
    tick(&mut exporter, attempt);
    complete_next(&mut exporter, attempt).await;
    assert_eq!(exporter.ledger().buffered(), 1);
    assert!(exporter.due().unwrap() > attempt);
    tick(&mut exporter, attempt);
    assert!(exporter.in_flight.is_empty());
}

#[tokio::test]
async fn documents_frozen_in_flight_are_sent_again_after_a_time_to_read_answers() {
    let now = Instant::now();
    let mut exporter = silent(4, now);
    tick(&mut exporter, now + FROZEN / 2);
    assert_eq!(exporter.in_flight[0].give_up_at, None, "no freeze");
    let thawed = now + FROZEN / 2 + FROZEN;
    tick(&mut exporter, thawed);
    assert!(!exporter.has_waiting(), "an answer may have arrived");
    assert_eq!(exporter.due(), Some(thawed + GRACE));
    let sent: Vec<Instant> = exporter.in_flight.iter().map(|sent| sent.sent).collect();
    assert_eq!(sent, [now; 4]);
    tick(&mut exporter, thawed + GRACE);
    let sent: Vec<Instant> = exporter.in_flight.iter().map(|sent| sent.sent).collect();
    assert_eq!(sent, [thawed + GRACE], "all in one batch");
    let ids: Vec<u64> = exporter.in_flight[0]
        .batch
        .documents()
        .map(|document| document.id.as_u64())
        .collect();
    assert_eq!(ids, [1, 2, 3, 4], "in their old order");
}

#[tokio::test]
async fn a_freeze_that_stops_the_monotonic_clock_is_noticed() {
    let now = Instant::now();
    let mut exporter = silent(1, now);
    let wall = SystemTime::now() + FROZEN * 60;
    exporter.tick(now, wall, &mut Log::default());
    assert_eq!(exporter.in_flight[0].give_up_at, Some(now + GRACE));
}

#[tokio::test]
async fn the_end_of_an_aborted_batch_changes_nothing() {
    let now = Instant::now();
    let mut exporter = silent(2, now);
    tick(&mut exporter, now + FROZEN);
    tick(&mut exporter, now + FROZEN + GRACE);
    for _ in 0..2 {
        complete_next(&mut exporter, now).await;
    }
    assert_eq!(exporter.ledger().buffered(), 2);
    assert!(exporter.in_flight.len() == 1 && !exporter.is_failing());
}

#[tokio::test]
async fn the_final_flush_sends_whatever_the_breaker_says_and_only_until_its_end() {
    let mut exporter = exporter(vec![accepted(), later(), later()]);
    let now = Instant::now();
    flush_at(&mut exporter, now).await;
    flush_at(&mut exporter, now).await;
    assert!(!exporter.can_delay());
    exporter.final_flush(now + HOLD, now);
    assert!(!exporter.is_idle());
    complete_next(&mut exporter, now).await;
    assert!(exporter.is_idle() && exporter.ledger().sent() == 3);
    push(&mut exporter, [4]);
    exporter.final_flush(now + HOLD, now + HOLD);
    assert!(exporter.is_idle() && exporter.in_flight.is_empty());
}

#[tokio::test]
async fn a_batch_that_is_silent_at_shutdown_is_sent_again_once() {
    let now = Instant::now();
    let mut exporter = silent(1, now);
    exporter.final_flush(now + HOLD, now);
    assert!(!exporter.is_idle());
    tick(&mut exporter, now + HOLD / 2);
    assert_eq!(exporter.in_flight[0].sent, now + HOLD / 2);
    assert_eq!(exporter.in_flight[0].give_up_at, None);
}

#[tokio::test]
async fn remaining_documents_are_counted_as_dropped() {
    let now = Instant::now();
    let mut exporter = silent(3, now);
    exporter.drop_remaining(now, &mut Log::default());
    assert!(exporter.ledger().balances() && exporter.ledger().dropped() == 3);
}

#[tokio::test]
async fn a_flush_does_not_wait_for_documents_received_after_it_began() {
    let mut exporter = exporter(vec![accepted()]);
    let now = Instant::now();
    exporter.flush(now + HOLD, now);
    // As from a background task that sends faster than the sink responds.
    push(&mut exporter, 10..100);
    complete_next(&mut exporter, now).await;
    assert!(exporter.is_idle());
    assert_eq!(
        (exporter.ledger().sent(), exporter.ledger().buffered()),
        (3, 90)
    );
}

/// A sink that records what arrives, and responds as its numbers say.
#[derive(Debug, Default)]
struct Recorder {
    responses: Mutex<Vec<u8>>,
    arrived: Mutex<Vec<(u64, bool)>>,
}

impl Sink for Arc<Recorder> {
    fn name(&self) -> &'static str {
        "recorder"
    }

    fn limits(&self) -> BatchLimits {
        BatchLimits {
            documents: 8,
            bytes: 400,
        }
    }

    fn batches_in_flight(&self) -> usize {
        3
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(30)
    }

    fn send<'a>(&'a self, batch: &'a Batch, _: Instant) -> SendFuture<'a> {
        Box::pin(async {
            let documents = batch.documents();
            let documents = documents.map(|document| (document.id.as_u64(), document.in_progress));
            self.arrived.lock().unwrap().extend(documents);
            let response = self.responses.lock().unwrap().pop();
            let left_out = |fate| LeftOut {
                index: 0,
                fate,
                reason: "why".to_owned(),
            };
            match response.unwrap_or_default() {
                0..4 => Outcome::Accepted(Vec::new()),
                4 => Outcome::Accepted(vec![left_out(Fate::Later)]),
                5 => Outcome::Accepted(vec![left_out(Fate::Rejected)]),
                6 => Outcome::Later("503".into()),
                7 => Outcome::Later(Failure {
                    reason: "429".to_owned(),
                    retry_after: Some(Duration::from_secs(3)),
                }),
                8 => Outcome::Rejected("full".to_owned()),
                9 | 10 => Outcome::Split("400".to_owned()),
                _ => pending().await,
            }
        })
    }
}

/// An exporter to a [`Recorder`] and what the test has done with it.
struct Explored {
    exporter: Exporter,
    recorder: Arc<Recorder>,
    log: Log,
    now: Instant,
    wall: SystemTime,
    pushed: u64,
    next_id: u64,
    /// Ids whose in-progress version was pushed, and whose complete version was not.
    in_progress: Vec<u64>,
}

impl Explored {
    fn new(responses: Vec<u8>, max_bytes: usize) -> Self {
        let recorder = Arc::new(Recorder {
            responses: Mutex::new(responses),
            ..Recorder::default()
        });
        Self {
            exporter: Exporter::with_seed(Arc::clone(&recorder), max_bytes, 7),
            recorder,
            log: Log::full(),
            now: Instant::now(),
            wall: SystemTime::now(),
            pushed: 0,
            next_id: 0,
            in_progress: Vec::new(),
        }
    }

    async fn step(&mut self, step: u8, number: u64) {
        let (exporter, now) = (&mut self.exporter, self.now);
        let until = now + Duration::from_millis(number);
        match step {
            0 | 1 => self.push(false),
            2 => self.push(true),
            3 => {
                if let Some(id) = self.in_progress.pop() {
                    self.push_id(id, false);
                }
            }
            4 => exporter.send(now),
            5 => exporter.flush(until, now),
            6 => exporter.send_full(now),
            7 => self.pass(Duration::from_millis(number), Duration::from_millis(number)),
            8 => self.pass(Duration::ZERO, Duration::from_secs(number)),
            9 => self.wall -= Duration::from_secs(number),
            10 if number > 1_900 => exporter.final_flush(until, now),
            _ => self.complete_all().await,
        }
    }

    fn push(&mut self, in_progress: bool) {
        self.next_id += 1;
        self.push_id(self.next_id, in_progress);
        if in_progress {
            self.in_progress.push(self.next_id);
        }
    }

    fn push_id(&mut self, id: u64, in_progress: bool) {
        let json = "x".repeat(id as usize % 150);
        let document = RawDocument::new(None, SegmentId::from_u64(id), in_progress, json);
        self.exporter.push(document, &mut self.log);
        self.pushed += 1;
    }

    /// Lets time pass by both clocks, and ticks.
    fn pass(&mut self, monotonic: Duration, wall: Duration) {
        self.now += monotonic;
        self.wall += wall;
        self.exporter.tick(self.now, self.wall, &mut self.log);
    }

    async fn complete_all(&mut self) {
        for _ in 0..4 {
            yield_now().await;
            let exporter = &mut self.exporter;
            let finished = poll_fn(|context| {
                Poll::Ready(match exporter.poll_finished(context) {
                    Poll::Ready(finished) => Some(finished),
                    Poll::Pending => None,
                })
            });
            if let Some(finished) = finished.await {
                exporter.complete(finished, self.now, &mut self.log);
            }
        }
    }

    fn check(&self) {
        let exporter = &self.exporter;
        let ledger = exporter.ledger();
        let in_flight: usize = exporter.in_flight.iter().map(|sent| sent.batch.len()).sum();
        assert!(ledger.balances(), "{ledger}");
        assert_eq!(ledger.received(), self.pushed);
        assert_eq!(
            ledger.buffered() as usize,
            exporter.buffer.len() + in_flight
        );
        assert!(exporter.in_flight.len() <= 3);
        assert!(exporter.in_flight.is_empty() || exporter.due().is_some());
        let arrived = self.recorder.arrived.lock().unwrap();
        for (index, (id, in_progress)) in arrived.iter().enumerate() {
            let is_late = *in_progress && arrived[..index].contains(&(*id, false));
            assert!(
                !is_late,
                "the in-progress version of {id} follows the complete one"
            );
        }
    }
}

proptest! {
    #[test]
    fn every_document_is_counted_and_in_order_after_any_fault(
        steps in proptest::collection::vec((0..16_u8, 0..2_000_u64), 1..150),
        responses in proptest::collection::vec(0..12_u8, 0..60),
        max_bytes in 1_000..20_000_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut explored = Explored::new(responses, max_bytes);
            for (step, number) in steps {
                explored.step(step, number).await;
                explored.check();
            }
            explored.exporter.drop_remaining(explored.now, &mut explored.log);
            explored.check();
            assert_eq!(explored.exporter.ledger().buffered(), 0);
        });
    }
}
