use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use xray_document::{Document, Timestamp};

use crate::export::relay::OpenTelemetryRelay;
use crate::flush::{Action, FlushControl, Input, State};
use crate::intake::{Intake, Received, Rejection};
use crate::lifecycle::{self, Next};
use crate::log::{Log, LogLine};
use crate::metrics::Metrics;
use crate::pipeline::Pipeline;
use crate::raw_document::RawDocument;
use crate::telemetry::{
    InvocationOutcome, PlatformEvent, PlatformRecorder, Recorded, Subscription,
};

/// A registered extension with its parts connected. No part uses another: this loop passes
/// the output of one to the next, on one task. Requests to sinks run in tasks of their own.
#[derive(Debug)]
pub struct Extension {
    /// Calls `/next` and receives its events.
    pub next: Next,
    /// Receives documents by UDP.
    pub intake: Intake,
    /// Passes on datagrams of OpenTelemetry; `None` if no other daemon is known.
    pub open_telemetry: Option<OpenTelemetryRelay>,
    /// Receives platform events; `None` if there is no subscription.
    pub telemetry: Option<Subscription>,
    /// Turns platform events into documents.
    pub platform: PlatformRecorder,
    /// Decides when to send and when to call `/next`.
    pub flush_control: FlushControl,
    /// Filters, buffers and sends documents.
    pub pipeline: Pipeline,
    /// The ends of invocations whose documents may not all have been read.
    pub unreported_ends: UnreportedEnds,
    /// Writes the log.
    pub log: Log,
    /// The line that reports the start. It is written after the first call of `/next`, which it
    /// must not delay.
    pub started: Option<LogLine>,
    /// Writes metrics; `None` if nobody asked for them.
    pub metrics: Option<Metrics>,
    /// The start of the flush that delays `/next`; `None` if no flush delays it.
    pub held_since: Option<Instant>,
}

/// The ends of invocations that neither the pipeline nor flush control knows yet.
#[derive(Debug, Default)]
pub struct UnreportedEnds {
    outcomes: Vec<InvocationOutcome>,
    request_ids: Vec<String>,
    /// The wrapper's signals that wait for the outcomes of their invocations, with the time when
    /// they count without.
    signals: Vec<(Instant, String)>,
}

/// The most datagrams read in one round, so that a flood of them does not delay a deadline.
const DATAGRAMS_PER_ROUND: usize = 1_024;

/// Rounds needed to empty a full receive buffer.
const MAX_READ_ROUNDS: usize = 8;

/// The most ends that wait for a wrapper. It bounds memory if a wrapper never sends the rest.
const MAX_UNREPORTED_ENDS: usize = 16;

/// The time that a wrapper's signal waits for the outcome of its invocation: four times 25 ms, the
/// shortest buffering that Lambda allows.
const MAX_OUTCOME_DELAY: Duration = Duration::from_millis(100);

/// The time for the last flush if the Runtime API is gone and no SHUTDOWN was received.
const TIME_WITHOUT_RUNTIME_API: Duration = Duration::from_millis(500);

/// The time for the last flush if SHUTDOWN has no deadline (Lambda Developer Guide,
/// Extensions API, shutdown phase).
const DEFAULT_SHUTDOWN_TIME: Duration = Duration::from_secs(2);

impl Extension {
    /// Runs until the last flush after SHUTDOWN has ended.
    pub async fn run(mut self) {
        self.perform(FlushControl::start());
        while *self.flush_control.state() != State::Ended {
            let due = self.flush_control.due();
            let exporters_due = self.pipeline.exporters.due();
            let signals_due = self.unreported_ends.signals.first().map(|(due, _)| *due);
            let awaits_events = !self.flush_control.is_shutting_down();
            tokio::select! {
                event = self.next.event(), if awaits_events => self.handle_event(event),
                () = self.intake.readable() => { self.read_documents(); }
                events = receive(&mut self.telemetry) => self.handle_telemetry(events),
                finished = self.pipeline.exporters.finished() => {
                    // Sending took time, in which the kernel's buffer may have become full.
                    self.read_documents();
                    self.pipeline.exporters.complete(finished, &mut self.log);
                    self.report_idle();
                }
                () = sleep_until(due) => self.input(Input::Tick),
                () = sleep_until(exporters_due) => self.tick_exporters(),
                () = sleep_until(signals_due) => self.report_signals(&[]),
            }
            if let Some(line) = self.started.take() {
                line.write();
            }
        }
        self.count_losses();
        let exporters = &mut self.pipeline.exporters;
        exporters.drop_remaining(&mut self.log);
        exporters.accounts().for_each(LogLine::write);
        self.pipeline.summaries().for_each(LogLine::write);
        self.write_metrics(true);
    }

    fn write_metrics(&mut self, is_end: bool) {
        if let Some(metrics) = &mut self.metrics {
            let ledgers = self.pipeline.exporters.ledgers();
            metrics.write(ledgers, SystemTime::now(), is_end);
        }
    }

    /// Passes an input to the state machine and performs its actions.
    fn input(&mut self, input: Input<'_>) {
        for action in self.flush_control.on(input, Instant::now()) {
            self.perform(action);
        }
    }

    fn perform(&mut self, action: Action) {
        let exporters = &mut self.pipeline.exporters;
        match action {
            Action::Next => {
                self.next.call();
                let held = self.held_since.take().map(|since| since.elapsed());
                if let Some((metrics, held)) = self.metrics.as_mut().zip(held) {
                    metrics.held(held);
                }
            }
            Action::Send => {
                exporters.send();
                // If no batch could start, none reports its end later.
                if !self.flush_control.is_shutting_down() && exporters.has_waiting() {
                    self.report_idle();
                }
            }
            Action::SendFull => exporters.send_full(),
            Action::Flush { until } => {
                if self.flush_control.is_shutting_down() {
                    exporters.final_flush(until);
                } else {
                    self.held_since = Some(Instant::now());
                    exporters.flush(until);
                }
                self.report_idle();
            }
            // The loop in `run` ends by itself.
            Action::Exit => {}
        }
    }

    /// Passes the time to the exporters, and reports if a flush need not wait any more.
    fn tick_exporters(&mut self) {
        let exporters = &mut self.pipeline.exporters;
        let was_idle = exporters.is_idle();
        exporters.tick(Instant::now(), &mut self.log);
        if !was_idle {
            self.report_idle();
        }
    }

    /// Reports [`Input::Idle`] if nothing is in flight.
    fn report_idle(&mut self) {
        if !self.pipeline.exporters.is_idle() {
            return;
        }
        if self.flush_control.is_shutting_down() {
            // No datagram is read after the last flush.
            self.read_all_documents();
        }
        let exporters = &self.pipeline.exporters;
        // Sinks that pause take nothing now, except in the final flush.
        let pauses = !self.flush_control.is_shutting_down() && !exporters.can_delay();
        let (has_waiting, is_failing) = (exporters.has_waiting(), exporters.is_failing() || pauses);
        self.input(Input::Idle {
            has_waiting,
            is_failing,
        });
    }

    /// Handles an event of `/next`; `None` means that the Runtime API is gone.
    fn handle_event(&mut self, event: Option<lifecycle::Event>) {
        let received = SystemTime::now();
        // The event may have ended a freeze.
        self.tick_exporters();
        match event {
            Some(lifecycle::Event::Invoke(invoke)) => {
                let header = &invoke.trace_header;
                let kept = self.pipeline.invocation_started(header, &mut self.log);
                self.report_buffered(kept, true);
                let recorded = self.platform.record_invoke(&invoke, Timestamp::now());
                let outcome = recorded.outcome;
                self.accept_recorded(recorded);
                self.end_invocations(outcome);
                let request_id = &invoke.request_id;
                let may_trace =
                    invoke.is_sampled() || self.platform.records_function_segment(request_id);
                self.input(Input::Invoke {
                    request_id,
                    deadline: monotonic(invoke.deadline_ms),
                    received,
                    may_trace,
                    can_delay: self.pipeline.exporters.can_delay(),
                });
                // INVOKE may have decided about the documents that arrived before it.
                self.report_signals(&[]);
                self.pipeline.exporters.warm();
                if invoke.trace_header.contains("Sampled=1") && self.intake.is_silent() {
                    self.log.once("no SDK has sent a document in ten sampled invocations; if the function uses one, see \"Is everything received?\" in the README");
                }
                self.write_metrics(false);
            }
            Some(lifecycle::Event::Shutdown { deadline_ms }) => {
                self.read_all_documents();
                self.pipeline.shut_down(&mut self.log);
                let deadline = if deadline_ms == 0 {
                    Instant::now() + DEFAULT_SHUTDOWN_TIME
                } else {
                    monotonic(deadline_ms)
                };
                self.input(Input::Shutdown { deadline });
            }
            Some(lifecycle::Event::Unknown) => self.next.call(),
            None => {
                self.pipeline.shut_down(&mut self.log);
                self.input(Input::Shutdown {
                    deadline: Instant::now() + TIME_WITHOUT_RUNTIME_API,
                });
            }
        }
    }

    /// Reads one round of datagrams. Handles signals after all documents of the round, because
    /// documents from other sockets may arrive behind a signal. Returns whether more datagrams
    /// may wait.
    fn read_documents(&mut self) -> bool {
        let (mut buffered, mut done, mut more) = (false, Vec::new(), true);
        for _ in 0..DATAGRAMS_PER_ROUND {
            match self.intake.try_read() {
                Some(Received::Document(document)) => {
                    self.platform.observe(&document);
                    buffered |= self.pipeline.accept(document, &mut self.log);
                }
                Some(Received::Done { request_id, .. }) => done.push(request_id),
                Some(Received::OpenTelemetry(datagram)) => self.pass_on(&datagram),
                Some(Received::Rejected(rejection)) => self.reject(rejection),
                None => {
                    more = false;
                    break;
                }
            }
        }
        self.report_losses();
        self.report_buffered(buffered, true);
        let due = Instant::now() + MAX_OUTCOME_DELAY;
        let signals = done.into_iter().map(|request_id| (due, request_id));
        self.unreported_ends.signals.extend(signals);
        self.report_signals(&[]);
        self.report_ends();
        more
    }

    fn reject(&mut self, rejection: Rejection) {
        self.pipeline.exporters.count_rejected();
        self.log
            .once(format_args!("rejected a datagram: {rejection}"));
    }

    /// Passes a datagram of OpenTelemetry to Lambda's own daemon, or rejects it.
    fn pass_on(&mut self, datagram: &[u8]) {
        match &mut self.open_telemetry {
            None => self.reject(Rejection::OpenTelemetry),
            Some(relay) => {
                if let Err(error) = relay.send(datagram) {
                    self.pipeline.exporters.count_rejected();
                    self.log.once(format_args!(
                        "a datagram of OpenTelemetry did not reach Lambda's daemon: {error}"
                    ));
                }
            }
        }
    }

    /// Reports the ends of invocations that telemetry has shown. Not yet, while a wrapper sends
    /// more than the kernel can hold: after `/next`, Lambda would freeze it with the rest.
    fn report_ends(&mut self) {
        let may_wait = self.unreported_ends.request_ids.len() < MAX_UNREPORTED_ENDS;
        if may_wait && self.intake.awaits_rest() {
            return;
        }
        let ends = std::mem::take(&mut self.unreported_ends);
        self.unreported_ends.signals = ends.signals;
        self.end_invocations(ends.outcomes);
        self.report_signals(&ends.request_ids);
        for request_id in &ends.request_ids {
            self.input(Input::RuntimeDone { request_id });
        }
    }

    /// Reports the wrapper's signals. Not yet, while keep rules await an outcome: the documents
    /// that they keep must leave before `/next`. `ended` are the invocations whose outcome is known.
    fn report_signals(&mut self, ended: &[String]) {
        let signals = &mut self.unreported_ends.signals;
        if signals.is_empty() {
            return;
        }
        let may_wait = self.pipeline.awaits_outcome() && signals.len() < MAX_UNREPORTED_ENDS;
        let now = Instant::now();
        let is_reported = |(due, request_id): &mut (Instant, String)| {
            !may_wait || *due <= now || ended.contains(request_id)
        };
        let reported: Vec<_> = signals.extract_if(.., is_reported).collect();
        for (_, request_id) in &reported {
            self.input(Input::Done { request_id });
        }
    }

    /// Counts and logs documents that the wrapper sent and that never arrived.
    fn report_losses(&mut self) {
        while let Some(loss) = self.intake.take_loss() {
            self.log.once(loss);
        }
        if self.intake.has_lost() {
            self.count_losses();
        }
    }

    fn count_losses(&mut self) {
        let (intake, exporters) = (&self.intake, &mut self.pipeline.exporters);
        exporters.set_dropped_before(intake.dropped_by_kernel(), intake.dropped_by_wrapper());
    }

    fn read_all_documents(&mut self) {
        self.intake.accept_streams();
        for _ in 0..MAX_READ_ROUNDS {
            if !self.read_documents() {
                return;
            }
        }
    }

    /// Handles one telemetry batch. Documents are buffered before the invocation's end is
    /// reported.
    fn handle_telemetry(&mut self, events: Vec<PlatformEvent>) {
        self.input(Input::Telemetry);
        if events.iter().any(PlatformEvent::is_failure_of_function) {
            // The documents that the function sent before.
            self.read_all_documents();
        }
        let (mut runtime_done, mut reported) = (Vec::new(), Vec::new());
        let mut outcomes = Vec::new();
        for event in events {
            match &event {
                PlatformEvent::RuntimeDone(report) => {
                    runtime_done.push(report.request_id.clone());
                }
                PlatformEvent::Report(report) => reported.push(report.request_id.clone()),
                PlatformEvent::LogsDropped { records } => {
                    self.log.once(format_args!(
                        "Lambda dropped {records} telemetry records; platform subsegments may be missing"
                    ));
                }
                _ => {}
            }
            let recorded = self.platform.record(event);
            outcomes.extend(recorded.outcome);
            self.accept_recorded(recorded);
        }
        if !runtime_done.is_empty() {
            self.read_all_documents();
        }
        self.unreported_ends.outcomes.extend(outcomes);
        self.unreported_ends.request_ids.append(&mut runtime_done);
        self.report_ends();
        for request_id in &reported {
            self.input(Input::Report { request_id });
        }
        self.write_metrics(false);
    }

    /// Reports outcomes, after the documents of their invocations, to the pipeline.
    fn end_invocations(&mut self, outcomes: impl IntoIterator<Item = InvocationOutcome>) {
        for outcome in outcomes {
            let kept = self.pipeline.invocation_ended(&outcome, &mut self.log);
            self.report_buffered(kept, true);
        }
    }

    /// Passes documents made from platform events to the pipeline.
    fn accept_recorded(&mut self, recorded: Recorded) {
        let mut buffered = false;
        for document in recorded.completed {
            buffered |= self.pipeline.accept(document, &mut self.log);
        }
        // The function sent these, in progress.
        let mut is_awaited = buffered;
        for document in recorded.documents {
            // A function segment is recorded only if the configuration asks for it.
            is_awaited |= matches!(document, Document::Segment(_));
            match document.to_json() {
                Ok(json) => {
                    // The span has ended, so the document is not in progress.
                    let document =
                        RawDocument::new(document.trace_id(), document.id(), false, json);
                    buffered |= self.pipeline.accept(document, &mut self.log);
                }
                Err(error) => {
                    self.pipeline.exporters.count_rejected();
                    self.log.once(format_args!(
                        "rejected a platform subsegment: {:?}",
                        error.code
                    ));
                }
            }
        }
        self.report_buffered(buffered, is_awaited);
    }

    fn report_buffered(&mut self, buffered: bool, is_awaited: bool) {
        if buffered {
            self.input(Input::Buffered { is_awaited });
        }
        if buffered && self.pipeline.exporters.has_full_batch() {
            self.input(Input::BatchFull);
        }
    }
}

async fn receive(telemetry: &mut Option<Subscription>) -> Vec<PlatformEvent> {
    match telemetry {
        Some(subscription) => subscription.receive().await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

/// Converts a deadline, which Lambda states as wall-clock time, to monotonic time.
fn monotonic(deadline_ms: u64) -> Instant {
    let wall = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Instant::now() + Duration::from_millis(deadline_ms).saturating_sub(wall)
}
