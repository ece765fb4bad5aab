use std::collections::VecDeque;
use std::time::{Duration, Instant, SystemTime};

use super::action::Action;
use super::input::Input;
use super::limits::Limits;
use super::state::{State, TelemetryState};
use super::strategy::Strategy;
use super::traffic::Traffic;

/// Decides when to send documents and when to call `/next`. A state machine without a clock:
/// each input has its time, and the caller performs the actions.
///
/// ```text
///            start: Next
///               │
///               ▼         Invoke, worth a delay
///   ┌──────► Waiting ───────────────────────────────► Held ──── end not reported: Next ────┐
///   │           │ ▲                                    │                                   │
///   │           │ └── end: Send ──── Released ◄────────┼───────────────────────────────────┘
///   │           │                       ▲              │ Done or runtimeDone: Flush
///   │           └── Invoke, not worth a │              ▼
///   │                      delay: Next ─┘           Flushing
///   └──────────────── idle or out of time: Next ───────┘
///
///   any ── Shutdown: Send ──► AwaitingReport ── Report: Flush ──► FinalFlush ── idle: Exit ──► Ended
/// ```
///
/// If no report is due, Shutdown leads to `FinalFlush` at once.
///
/// An Invoke is worth a delay if its end will be reported, it may make documents, a sink can
/// take them, and the strategy sends them before `/next`.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone, PartialEq, Eq, Hash))]
pub struct FlushControl {
    state: State,
    strategy: Strategy,
    limits: Limits,
    traffic: Traffic,
    /// The number of held invocations since the last awaited document.
    holds_without_documents: u32,
    /// True if the wrapper has signalled an end. It then signals every end.
    wrapper_signals: bool,
    telemetry: TelemetryState,
    /// Managed Instances run several invocations at a time and send no INVOKE.
    managed_instances: bool,
    /// The time when documents are sent even if they do not fill a batch; `None` if none wait,
    /// or if a flush or a batch in flight is followed by [`Input::Idle`].
    send_at: Option<Instant>,
    /// In dense traffic, the time until which the end of an invocation sends nothing.
    quiet_until: Option<Instant>,
    /// The request id of the last INVOKE, until `platform.runtimeDone`, or until the wrapper's
    /// signal if there is no telemetry. A retry of an asynchronous invocation has the same id.
    last_invoke: Option<String>,
    /// The request ids of the last ends whose INVOKE has not arrived: it uses another connection.
    early_ends: VecDeque<String>,
    /// The request id of the last invocation, until its `platform.report`.
    unreported: Option<String>,
}

/// More than one: between an end and its INVOKE, the other source may report the end of the
/// invocation before.
const MAX_EARLY_ENDS: usize = 4;

impl FlushControl {
    /// `telemetry`: whether the subscription was accepted. `managed_instances`: whether the
    /// function runs on Managed Instances, which send no INVOKE.
    pub fn new(
        strategy: Strategy,
        limits: Limits,
        telemetry: bool,
        managed_instances: bool,
    ) -> Self {
        let telemetry = if telemetry {
            TelemetryState::Subscribed
        } else {
            TelemetryState::Unavailable
        };
        Self {
            state: State::Waiting,
            strategy,
            limits,
            traffic: Traffic::default(),
            holds_without_documents: 0,
            wrapper_signals: false,
            telemetry,
            managed_instances,
            send_at: None,
            quiet_until: None,
            last_invoke: None,
            early_ends: VecDeque::new(),
            unreported: None,
        }
    }

    /// The first action.
    pub(crate) fn start() -> Action {
        Action::Next
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// Returns whether SHUTDOWN has arrived. No event follows it.
    pub(crate) fn is_shutting_down(&self) -> bool {
        matches!(
            self.state,
            State::AwaitingReport { .. } | State::FinalFlush { .. } | State::Ended
        )
    }

    /// Returns the time when the caller must pass [`Input::Tick`]. Any input may change it.
    pub(crate) fn due(&self) -> Option<Instant> {
        let (first, second) = match &self.state {
            State::Waiting | State::Released { .. } => (None, None),
            State::Held {
                until,
                telemetry_due,
                ..
            } => (Some(*until), *telemetry_due),
            State::Flushing { until } | State::AwaitingReport { until, .. } => (Some(*until), None),
            State::FinalFlush {
                until, retry_at, ..
            } => (Some(*until), *retry_at),
            State::Ended => return None,
        };
        [first, second, self.send_at].into_iter().flatten().min()
    }

    /// Handles an input at the time `now`. The caller performs the actions in order.
    pub(crate) fn on(&mut self, input: Input<'_>, now: Instant) -> Vec<Action> {
        match input {
            Input::Invoke {
                request_id,
                deadline,
                received,
                may_trace,
                can_delay,
            } => {
                self.measure_gap(now, received);
                let may_delay = may_trace && can_delay;
                self.invoke(request_id, self.before(deadline), may_delay, now)
            }
            Input::Shutdown { deadline } => self.shutdown(deadline, now),
            Input::Done { request_id } => {
                self.wrapper_signals = true;
                let actions = self.end(request_id, now);
                let is_last = self.last_invoke.as_deref() == Some(request_id);
                if is_last && self.telemetry == TelemetryState::Unavailable {
                    // No other source reports this end, so a later one is a retry's.
                    self.last_invoke = None;
                }
                actions
            }
            Input::RuntimeDone { request_id } => self.runtime_done(request_id, now),
            Input::Report { request_id } => self.report(request_id, now),
            Input::Telemetry => self.telemetry_arrived(),
            Input::Buffered { is_awaited } => {
                if is_awaited {
                    self.holds_without_documents = 0;
                }
                if self.is_between_flushes() {
                    self.schedule_send(self.linger(), now);
                }
                Vec::new()
            }
            Input::BatchFull if self.is_between_flushes() => vec![Action::SendFull],
            Input::BatchFull => Vec::new(),
            Input::Idle {
                has_waiting,
                is_failing,
            } => self.idle(has_waiting, is_failing, now),
            Input::Tick => self.tick(now),
        }
    }

    /// Learns the gap since the last INVOKE. Documents that waited in a freeze, in which the
    /// monotonic clock stopped, are due earlier.
    fn measure_gap(&mut self, now: Instant, received: SystemTime) {
        let stopped = self.traffic.on_invoke(now, received);
        for time in [&mut self.send_at, &mut self.quiet_until]
            .into_iter()
            .flatten()
        {
            *time = time.checked_sub(stopped).unwrap_or(now);
        }
    }

    /// `until` is the latest time of `/next`.
    fn invoke(
        &mut self,
        request_id: &str,
        until: Instant,
        may_delay: bool,
        now: Instant,
    ) -> Vec<Action> {
        self.unreported = Some(request_id.to_owned());
        self.last_invoke = Some(request_id.to_owned());
        let has_ended = self.early_ends.iter().any(|end| end == request_id);
        self.early_ends.clear();
        let hold = may_delay && until > now && self.strategy_holds();
        if hold {
            // An awaited document sets it back to zero.
            self.holds_without_documents = self.holds_without_documents.saturating_add(1);
        }
        let request_id = request_id.to_owned();
        self.state = match self.end_is_reported(now) {
            _ if has_ended && hold => return self.flush(until, now),
            _ if has_ended => State::Waiting,
            Some(telemetry_due) if hold => State::Held {
                request_id,
                until,
                telemetry_due,
            },
            _ => State::Released { request_id },
        };
        let mut actions = Vec::new();
        if !matches!(self.state, State::Held { .. }) {
            actions.push(Action::Next);
        }
        // Documents of the last invocation are sent while this one's handler runs.
        let is_due = self.send_at.is_some_and(|send_at| send_at <= now);
        if is_due || self.sends_at_invoke() {
            actions.push(self.send(now));
        }
        actions
    }

    /// Returns whether the strategy delays `/next` until the documents are sent.
    fn strategy_holds(&self) -> bool {
        let strategy_holds = match self.strategy {
            Strategy::End => true,
            Strategy::Next | Strategy::Background(_) => false,
            Strategy::Adaptive => {
                !self.traffic.is_dense()
                    && self.holds_without_documents < self.limits.holds_without_documents
            }
        };
        strategy_holds && !self.limits.flush_timeout.is_zero()
    }

    /// Returns `None` if nobody will report the end of the invocation. `Some(Some(time))` means that
    /// the first telemetry must arrive by `time`. `Some(None)` sets no such limit.
    fn end_is_reported(&self, now: Instant) -> Option<Option<Instant>> {
        match self.telemetry {
            _ if self.wrapper_signals => Some(None),
            TelemetryState::Arriving => Some(None),
            TelemetryState::Subscribed => Some(Some(now + self.limits.first_telemetry)),
            TelemetryState::Unavailable | TelemetryState::WithoutEnds => None,
        }
    }

    /// Returns whether documents are sent at INVOKE even if they have not waited for long.
    fn sends_at_invoke(&self) -> bool {
        match self.strategy {
            Strategy::End | Strategy::Next => true,
            Strategy::Background(_) => false,
            Strategy::Adaptive => !self.traffic.is_dense(),
        }
    }

    /// Returns whether the documents of an invocation that is not held are sent at its end. The
    /// sandbox may freeze then, but the request usually leaves it before.
    fn sends_at_end(&self, now: Instant) -> bool {
        match self.strategy {
            Strategy::End => true,
            Strategy::Next | Strategy::Background(_) => false,
            Strategy::Adaptive if self.traffic.is_dense() => {
                self.send_at.is_some() && self.quiet_until.is_none_or(|until| until <= now)
            }
            Strategy::Adaptive => true,
        }
    }

    /// The time that documents wait for a batch to become full.
    fn linger(&self) -> Duration {
        match self.strategy {
            Strategy::Background(period) => period,
            Strategy::Adaptive if self.traffic.is_dense() => self.limits.dense_linger,
            Strategy::Adaptive | Strategy::End | Strategy::Next => self.limits.linger,
        }
    }

    /// Handles the end of an invocation, from the wrapper or from telemetry.
    fn end(&mut self, request_id: &str, now: Instant) -> Vec<Action> {
        match &self.state {
            State::Held {
                request_id: held,
                until,
                ..
            } if held == request_id => {
                let until = *until;
                self.flush(until, now)
            }
            State::Released {
                request_id: released,
            } if released == request_id => {
                self.state = State::Waiting;
                if self.sends_at_end(now) {
                    vec![self.send(now)]
                } else {
                    Vec::new()
                }
            }
            _ => {
                if self.last_invoke.as_deref() != Some(request_id) {
                    if self.early_ends.len() == MAX_EARLY_ENDS {
                        self.early_ends.pop_front();
                    }
                    self.early_ends.push_back(request_id.to_owned());
                }
                Vec::new()
            }
        }
    }

    fn runtime_done(&mut self, request_id: &str, now: Instant) -> Vec<Action> {
        self.telemetry = TelemetryState::Arriving;
        let actions = self.end(request_id, now);
        if self.last_invoke.as_deref() == Some(request_id) {
            // Telemetry reports each attempt's end once; a later end with the same id
            // is a retry.
            self.last_invoke = None;
        }
        actions
    }

    fn telemetry_arrived(&mut self) -> Vec<Action> {
        if self.telemetry != TelemetryState::WithoutEnds {
            self.telemetry = TelemetryState::Arriving;
        }
        if let State::Held { telemetry_due, .. } = &mut self.state {
            *telemetry_due = None;
        }
        Vec::new()
    }

    fn flush(&mut self, until: Instant, now: Instant) -> Vec<Action> {
        let until = until.min(now + self.limits.flush_timeout);
        if until <= now {
            // Sending must not delay `/next`.
            self.state = State::Waiting;
            return vec![Action::Next, self.send(now)];
        }
        self.send_at = None;
        self.state = State::Flushing { until };
        vec![Action::Flush { until }]
    }

    fn report(&mut self, request_id: &str, now: Instant) -> Vec<Action> {
        if self.unreported.as_deref() == Some(request_id) {
            self.unreported = None;
            if let State::AwaitingReport { flush_until, .. } = self.state {
                return self.final_flush(flush_until, now);
            }
        }
        Vec::new()
    }

    fn idle(&mut self, has_waiting: bool, is_failing: bool, now: Instant) -> Vec<Action> {
        match &mut self.state {
            State::Flushing { .. } => {
                self.state = State::Waiting;
                self.schedule_waiting(has_waiting, is_failing, now);
                vec![Action::Next]
            }
            State::FinalFlush { .. } if !has_waiting => self.exit(),
            State::FinalFlush { until, .. } if *until <= now => self.exit(),
            State::FinalFlush { until, .. } if !is_failing => {
                vec![Action::Flush { until: *until }]
            }
            State::FinalFlush {
                retry_at,
                retry_delay,
                ..
            } => {
                *retry_at = Some(now + *retry_delay);
                *retry_delay *= 2;
                Vec::new()
            }
            State::Waiting | State::Held { .. } | State::Released { .. } => {
                self.schedule_waiting(has_waiting, is_failing, now);
                Vec::new()
            }
            State::AwaitingReport { .. } | State::Ended => Vec::new(),
        }
    }

    /// Schedules documents that wait when nothing is in flight.
    fn schedule_waiting(&mut self, has_waiting: bool, is_failing: bool, now: Instant) {
        if has_waiting {
            let linger = self.linger();
            let delay = if is_failing {
                linger.max(self.limits.linger)
            } else {
                linger
            };
            self.schedule_send(delay, now);
        }
    }

    fn schedule_send(&mut self, delay: Duration, now: Instant) {
        self.send_at.get_or_insert(now + delay);
    }

    fn shutdown(&mut self, deadline: Instant, now: Instant) -> Vec<Action> {
        self.send_at = None;
        let margin = self.limits.shutdown_margin;
        let flush_until = deadline.checked_sub(margin).unwrap_or(deadline);
        let telemetry_arrives = matches!(
            self.telemetry,
            TelemetryState::Arriving | TelemetryState::WithoutEnds
        );
        let report_is_due =
            telemetry_arrives && (self.unreported.is_some() || self.managed_instances);
        if report_is_due && flush_until > now {
            let until = flush_until.min(now + self.limits.last_report);
            self.state = State::AwaitingReport { until, flush_until };
            vec![Action::Send]
        } else {
            self.final_flush(flush_until, now)
        }
    }

    fn final_flush(&mut self, until: Instant, now: Instant) -> Vec<Action> {
        if until <= now {
            return self.exit();
        }
        self.state = State::FinalFlush {
            until,
            retry_at: None,
            retry_delay: self.limits.first_retry_delay,
        };
        vec![Action::Flush { until }]
    }

    fn exit(&mut self) -> Vec<Action> {
        self.state = State::Ended;
        vec![Action::Exit]
    }

    fn tick(&mut self, now: Instant) -> Vec<Action> {
        let passed = |time: Instant| time <= now;
        match &mut self.state {
            State::Held { until, .. } if passed(*until) => {
                // The end was not reported, or the function hangs. The next invocation is not
                // held until an end is reported again.
                self.wrapper_signals = false;
                self.telemetry = match self.telemetry {
                    TelemetryState::Arriving | TelemetryState::WithoutEnds => {
                        TelemetryState::WithoutEnds
                    }
                    TelemetryState::Subscribed | TelemetryState::Unavailable => {
                        TelemetryState::Unavailable
                    }
                };
                self.release()
            }
            State::Held {
                telemetry_due: Some(due),
                ..
            } if passed(*due) => {
                self.telemetry = TelemetryState::Unavailable;
                self.release()
            }
            State::Flushing { until } if passed(*until) => {
                // The batches in flight end by themselves, and their exporter logs the reason.
                self.state = State::Waiting;
                vec![Action::Next]
            }
            State::AwaitingReport { until, flush_until } if passed(*until) => {
                let flush_until = *flush_until;
                self.final_flush(flush_until, now)
            }
            State::FinalFlush { until, .. } if passed(*until) => self.exit(),
            State::FinalFlush {
                until, retry_at, ..
            } if retry_at.is_some_and(passed) => {
                *retry_at = None;
                vec![Action::Flush { until: *until }]
            }
            _ if self.send_at.is_some_and(passed) => vec![self.send(now)],
            _ => Vec::new(),
        }
    }

    fn release(&mut self) -> Vec<Action> {
        if let State::Held { request_id, .. } = &mut self.state {
            self.state = State::Released {
                request_id: std::mem::take(request_id),
            };
        }
        vec![Action::Next]
    }

    /// Sends all documents that wait. If that fails, [`Input::Idle`] reports it.
    fn send(&mut self, now: Instant) -> Action {
        if self.send_at.take().is_some() {
            self.quiet_until = Some(now + self.limits.dense_linger);
        }
        Action::Send
    }

    fn before(&self, deadline: Instant) -> Instant {
        deadline
            .checked_sub(self.limits.deadline_margin)
            .unwrap_or(deadline)
    }

    /// Returns whether documents may wait for a batch to become full, because no flush sends them.
    fn is_between_flushes(&self) -> bool {
        matches!(
            self.state,
            State::Waiting | State::Held { .. } | State::Released { .. }
        )
    }
}

#[cfg(test)]
mod tests;
