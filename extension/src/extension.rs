use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc::Receiver;
use xray_document::Document;

use crate::batch::{Ledger, Pending};
use crate::export::{Outbox, Sink};
use crate::flush::{Action, Boundary, Input, State};
use crate::intake::{Arrival, Intake};
use crate::lifecycle::{self, Next};
use crate::log::{Log, say};
use crate::telemetry::{Batch, Event, Platform};

/// The parts of a registered extension, connected. Each knows nothing of the others;
/// what one hears is carried to the next here, on one task, so that nothing is shared.
#[derive(Debug)]
pub struct Extension<S> {
    pub next: Next,
    pub intake: Intake,
    /// `None` where Lambda refused the subscription.
    pub telemetry: Option<Receiver<Batch>>,
    pub platform: Platform,
    pub boundary: Boundary,
    pub outbox: Outbox<S>,
    pub log: Log,
}

/// Datagrams that are read in one go: a flood must not keep a deadline from being seen.
const DATAGRAMS_AT_A_TIME: usize = 1_024;

/// Goes in which everything is read that a full receive buffer can hold, where an end is
/// heard that did not come behind the documents on their own socket.
const GOES: usize = 8;

/// What is left to us when the Runtime API has gone away without a SHUTDOWN, and what
/// Lambda gives at SHUTDOWN where it does not say (Lambda Developer Guide, Extensions
/// API, shutdown phase).
const ORPHANED: Duration = Duration::from_millis(500);
const SHUTDOWN: Duration = Duration::from_secs(2);

impl<S: Sink> Extension<S> {
    /// Runs until SHUTDOWN is done with, and gives the account of every document.
    pub async fn run(mut self) -> Ledger {
        let start = self.boundary.start();
        self.act(start);
        while *self.boundary.state() != State::Ended {
            let (due, listening) = (self.boundary.due(), !self.boundary.is_shutting_down());
            tokio::select! {
                event = self.next.event(), if listening => self.hear(event),
                () = self.intake.readable() => { self.read_documents(); }
                batch = receive(&mut self.telemetry) => self.observe(batch),
                answer = self.outbox.answer() => {
                    self.outbox.book(answer, &mut self.log);
                    self.settle();
                }
                () = sleep_until(due) => self.input(Input::Tick),
            }
        }
        self.outbox.give_up(&mut self.log);
        self.outbox.lose_unread(self.intake.lost_unread());
        let ledger = *self.outbox.ledger();
        if ledger.has_losses() {
            say(format_args!("not every document reached X-Ray; {ledger}"));
        }
        ledger
    }

    /// Tells the state machine and does as it says.
    fn input(&mut self, input: Input<'_>) {
        for action in self.boundary.on(input, Instant::now()) {
            self.act(action);
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Next => self.next.call(),
            Action::Send { until } => self.outbox.send(until),
            Action::SendFull { until } => self.outbox.send_full(until),
            Action::Flush { until } => {
                self.outbox.flush(until);
                self.settle();
            }
            // The loop sees the state.
            Action::Exit => {}
        }
    }

    fn settle(&mut self) {
        if self.outbox.is_settled() {
            if self.boundary.is_shutting_down() {
                // The last look: nobody reads what is here after the end.
                self.read_all_documents();
            }
            let (left, failed) = (self.outbox.has_waiting(), self.outbox.is_failing());
            self.input(Input::Settled { left, failed });
        }
    }

    /// An event of Lambda's; `None` when the Runtime API has gone away.
    fn hear(&mut self, event: Option<lifecycle::Event>) {
        self.outbox.thaw(SystemTime::now(), &mut self.log);
        match event {
            Some(lifecycle::Event::Invoke(invoke)) => {
                let documents = self.platform.invoked(&invoke);
                self.keep(documents);
                let deadline = instant(invoke.deadline_ms);
                self.input(Input::Invoke {
                    request_id: &invoke.request_id,
                    deadline,
                });
                self.outbox.warm();
            }
            Some(lifecycle::Event::Shutdown { deadline_ms }) => {
                self.read_all_documents();
                let deadline = if deadline_ms == 0 {
                    Instant::now() + SHUTDOWN
                } else {
                    instant(deadline_ms)
                };
                self.input(Input::Shutdown { deadline });
            }
            Some(lifecycle::Event::Unknown) => self.next.call(),
            None => self.input(Input::Shutdown {
                deadline: Instant::now() + ORPHANED,
            }),
        }
    }

    /// Takes in every datagram that is here. A wrapper's signal is heard after the
    /// documents that are here with it, also those from other sockets. Returns whether
    /// there may be more.
    fn read_documents(&mut self) -> bool {
        let (mut kept, mut ended, mut more) = (false, Vec::new(), true);
        for _ in 0..DATAGRAMS_AT_A_TIME {
            match self.intake.try_read() {
                Some(Arrival::Document(document)) => {
                    self.outbox.keep(document, &mut self.log);
                    kept = true;
                }
                Some(Arrival::Done { request_id }) => ended.push(request_id),
                Some(Arrival::Rejected(reason)) => {
                    self.outbox.refuse();
                    self.log.once(format_args!("a datagram rejected: {reason}"));
                }
                None => {
                    more = false;
                    break;
                }
            }
        }
        self.buffered(kept);
        for request_id in ended {
            self.input(Input::Done {
                request_id: &request_id,
            });
        }
        more
    }

    fn read_all_documents(&mut self) {
        for _ in 0..GOES {
            if !self.read_documents() {
                return;
            }
        }
    }

    /// Takes in what the platform tells. What it tells of an invocation is buffered
    /// before that invocation's end is heard.
    fn observe(&mut self, batch: Batch) {
        self.input(Input::Telemetry);
        let (mut done, mut reported) = (Vec::new(), Vec::new());
        for event in batch {
            match &event {
                Event::RuntimeDone(report) => done.push(report.request_id.clone()),
                Event::Report(report) => reported.push(report.request_id.clone()),
                Event::LogsDropped { records } => {
                    self.log.once(format_args!(
                        "Lambda dropped {records} records of telemetry"
                    ));
                }
                _ => {}
            }
            let documents = self.platform.observe(event);
            self.keep(documents);
        }
        if !done.is_empty() {
            self.read_all_documents();
        }
        for request_id in &done {
            self.input(Input::RuntimeDone { request_id });
        }
        for request_id in &reported {
            self.input(Input::Reported { request_id });
        }
    }

    /// Buffers documents of our own.
    fn keep(&mut self, documents: Vec<Document>) {
        let mut kept = false;
        for document in documents {
            match document.to_json() {
                Ok(json) => {
                    // The platform's are drawn when they are over: none is in progress.
                    let pending = Pending::new(document.trace_id(), document.id(), false, json);
                    self.outbox.keep(pending, &mut self.log);
                    kept = true;
                }
                Err(error) => {
                    self.outbox.refuse();
                    self.log.once(format_args!(
                        "a platform subsegment rejected: {:?}",
                        error.code
                    ));
                }
            }
        }
        self.buffered(kept);
    }

    fn buffered(&mut self, kept: bool) {
        if kept {
            self.input(Input::Buffered);
        }
        if kept && self.outbox.has_full_batch() {
            self.input(Input::BatchFull);
        }
    }
}

async fn receive(telemetry: &mut Option<Receiver<Batch>>) -> Batch {
    if let Some(receiver) = telemetry
        && let Some(batch) = receiver.recv().await
    {
        return batch;
    }
    std::future::pending().await
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

/// The monotonic time of a deadline that Lambda gives by the wall clock.
fn instant(deadline_ms: u64) -> Instant {
    let wall = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Instant::now() + Duration::from_millis(deadline_ms).saturating_sub(wall)
}
