use std::time::Instant;

use super::action::Action;
use super::input::Input;
use super::limits::Limits;
use super::state::{Ends, State, Telemetry};

/// Decides when to flush and when to call `/next`: one state, and what each input makes
/// of it. Pure: the time is passed in, and the actions are for others to do.
///
/// ```text
///            start: Next
///               │
///               ▼         Invoke, an end will be announced
///   ┌──────► Waiting ───────────────────────────────► Held ──── end not announced: Next ───┐
///   │           │ ▲                                    │                                   │
///   │           │ └── end: Send ──── Released ◄────────┼───────────────────────────────────┘
///   │           │                       ▲              │ Done or runtimeDone: Flush
///   │           └── Invoke, no end will │              ▼
///   │               be announced: Next ─┘           Flushing
///   └──────────────── settled or out of time: Next ────┘
///
///   any ── Shutdown: Send ──► Lingering ── telemetry in: Flush ──► Closing ── settled: Exit ──► Ended
/// ```
#[derive(Debug)]
pub struct FlushControl {
    state: State,
    limits: Limits,
    ends: Ends,
    /// When documents that wait for company go anyway.
    send_at: Option<Instant>,
    /// The last INVOKE. An asynchronous invocation is tried again under the same id.
    invoked: Option<String>,
    /// An invocation whose end was heard before its INVOKE, which travels on another
    /// connection.
    ended: Option<String>,
    /// The invocation whose `platform.report` has not come.
    unreported: Option<String>,
}

impl FlushControl {
    /// `telemetry`: the subscription was accepted.
    pub fn new(limits: Limits, telemetry: bool, managed_instances: bool) -> Self {
        let telemetry = if telemetry {
            Telemetry::Promised
        } else {
            Telemetry::Silent
        };
        Self {
            state: State::Waiting,
            limits,
            ends: Ends {
                wrapper: false,
                telemetry,
                managed_instances,
            },
            send_at: None,
            invoked: None,
            ended: None,
            unreported: None,
        }
    }

    /// The first action: the extension is ready.
    pub(crate) fn start(&self) -> Action {
        Action::Next
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// After SHUTDOWN no further event comes.
    pub(crate) fn is_shutting_down(&self) -> bool {
        matches!(
            self.state,
            State::Lingering { .. } | State::Closing { .. } | State::Ended
        )
    }

    /// When to come back with [`Input::Tick`], if nothing happens before.
    pub(crate) fn due(&self) -> Option<Instant> {
        let (first, second) = match &self.state {
            State::Waiting | State::Released { .. } => (None, None),
            State::Held {
                until, patience, ..
            } => (Some(*until), *patience),
            State::Flushing { until } | State::Lingering { until, .. } => (Some(*until), None),
            State::Closing {
                until, retry_at, ..
            } => (Some(*until), *retry_at),
            State::Ended => return None,
        };
        [first, second, self.send_at].into_iter().flatten().min()
    }

    /// Takes in what happened at `now`. The actions are to be done in order.
    pub(crate) fn on(&mut self, input: Input<'_>, now: Instant) -> Vec<Action> {
        match input {
            Input::Invoke {
                request_id,
                deadline,
            } => self.invoke(request_id, deadline, now),
            Input::Shutdown { deadline } => self.shutdown(deadline, now),
            Input::Done { request_id } => {
                self.ends.wrapper = true;
                self.end(request_id, now)
            }
            Input::RuntimeDone { request_id } => {
                self.ends.telemetry = Telemetry::Arriving;
                let actions = self.end(request_id, now);
                if self.invoked.as_deref() == Some(request_id) {
                    // Telemetry reports each attempt's end once; a later end with the same id
                    // is a retry.
                    self.invoked = None;
                }
                actions
            }
            Input::Reported { request_id } => self.reported(request_id, now),
            Input::Telemetry => {
                if self.ends.telemetry != Telemetry::Endless {
                    self.ends.telemetry = Telemetry::Arriving;
                }
                if let State::Held { patience, .. } = &mut self.state {
                    *patience = None;
                }
                Vec::new()
            }
            Input::Buffered => {
                if self.is_open() {
                    self.send_at.get_or_insert(now + self.limits.linger);
                }
                Vec::new()
            }
            Input::BatchFull if self.is_open() => vec![Action::SendFull {
                until: self.attempt(now),
            }],
            Input::BatchFull => Vec::new(),
            Input::Settled { left, failed } => self.settled(left, failed, now),
            Input::Tick => self.tick(now),
        }
    }

    fn invoke(&mut self, request_id: &str, deadline: Instant, now: Instant) -> Vec<Action> {
        let until = self.before(deadline);
        self.unreported = Some(request_id.to_owned());
        self.invoked = Some(request_id.to_owned());
        if self.ended.take().as_deref() == Some(request_id) {
            return self.flush(until, now);
        }
        let request_id = request_id.to_owned();
        let patience = match self.ends.telemetry {
            _ if self.ends.wrapper => Some(None),
            Telemetry::Arriving => Some(None),
            Telemetry::Promised => Some(Some(now + self.limits.patience)),
            Telemetry::Silent | Telemetry::Endless => None,
        };
        let hold = patience.filter(|_| until > now);
        self.state = match hold {
            Some(patience) => State::Held {
                request_id,
                until,
                patience,
            },
            None => State::Released { request_id },
        };
        // What the last invocation left goes beside this one's handler.
        let send = self.send(now);
        if hold.is_some() {
            vec![send]
        } else {
            vec![Action::Next, send]
        }
    }

    /// An invocation's end was announced.
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
                vec![self.send(now)]
            }
            _ => {
                if self.invoked.as_deref() != Some(request_id) {
                    self.ended = Some(request_id.to_owned());
                }
                Vec::new()
            }
        }
    }

    fn flush(&mut self, until: Instant, now: Instant) -> Vec<Action> {
        self.send_at = None;
        let until = until.min(now + self.limits.flush);
        if until <= now {
            // No time, or none that sending may hold: it goes on beside whatever comes.
            self.state = State::Waiting;
            return vec![Action::Next, self.send(now)];
        }
        self.state = State::Flushing { until };
        vec![Action::Flush { until }]
    }

    fn reported(&mut self, request_id: &str, now: Instant) -> Vec<Action> {
        if self.unreported.as_deref() == Some(request_id) {
            self.unreported = None;
            if let State::Lingering { closing, .. } = self.state {
                return self.close(closing, now);
            }
        }
        Vec::new()
    }

    fn settled(&mut self, left: bool, failed: bool, now: Instant) -> Vec<Action> {
        match &mut self.state {
            State::Flushing { .. } => {
                self.state = State::Waiting;
                self.send_again(left, now);
                vec![Action::Next]
            }
            State::Closing { .. } if !left => self.exit(),
            State::Closing { until, .. } if *until <= now => self.exit(),
            State::Closing { until, .. } if !failed => vec![Action::Flush { until: *until }],
            State::Closing {
                retry_at, pause, ..
            } => {
                *retry_at = Some(now + *pause);
                *pause *= 2;
                Vec::new()
            }
            State::Waiting | State::Held { .. } | State::Released { .. } => {
                self.send_again(left, now);
                Vec::new()
            }
            State::Lingering { .. } | State::Ended => Vec::new(),
        }
    }

    fn send_again(&mut self, left: bool, now: Instant) {
        if left {
            self.send_at.get_or_insert(now + self.limits.linger);
        }
    }

    fn shutdown(&mut self, deadline: Instant, now: Instant) -> Vec<Action> {
        self.send_at = None;
        let closing = self.before(deadline);
        let telemetry_comes = matches!(
            self.ends.telemetry,
            Telemetry::Arriving | Telemetry::Endless
        );
        let telemetry_is_due =
            telemetry_comes && (self.unreported.is_some() || self.ends.managed_instances);
        if telemetry_is_due && closing > now {
            let until = closing.min(now + self.limits.telemetry);
            self.state = State::Lingering { until, closing };
            vec![Action::Send { until: closing }]
        } else {
            self.close(closing, now)
        }
    }

    fn close(&mut self, until: Instant, now: Instant) -> Vec<Action> {
        if until <= now {
            return self.exit();
        }
        self.state = State::Closing {
            until,
            retry_at: None,
            pause: self.limits.retry,
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
                // Whoever announced ends before does so no more, or the function hangs:
                // the next invocation is not held on their word.
                self.ends.wrapper = false;
                self.ends.telemetry = match self.ends.telemetry {
                    Telemetry::Arriving | Telemetry::Endless => Telemetry::Endless,
                    Telemetry::Promised | Telemetry::Silent => Telemetry::Silent,
                };
                self.release()
            }
            State::Held {
                patience: Some(patience),
                ..
            } if passed(*patience) => {
                self.ends.telemetry = Telemetry::Silent;
                self.release()
            }
            State::Flushing { until } if passed(*until) => {
                // What is on the wire ends by itself, and says why.
                self.state = State::Waiting;
                vec![Action::Next]
            }
            State::Lingering { until, closing } if passed(*until) => {
                let closing = *closing;
                self.close(closing, now)
            }
            State::Closing { until, .. } if passed(*until) => self.exit(),
            State::Closing {
                until, retry_at, ..
            } if retry_at.is_some_and(passed) => {
                *retry_at = None;
                vec![Action::Flush { until: *until }]
            }
            _ if self.send_at.is_some_and(passed) => {
                self.send_at = None;
                vec![self.send(now)]
            }
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

    fn send(&self, now: Instant) -> Action {
        Action::Send {
            until: self.attempt(now),
        }
    }

    /// Until when a batch that starts now may be on the wire, where sending holds nothing.
    fn attempt(&self, now: Instant) -> Instant {
        let attempt = now + self.limits.attempt;
        match &self.state {
            State::Held { until, .. } => attempt.min(*until),
            // `/next` has been called: nothing waits for this batch.
            _ => attempt,
        }
    }

    fn before(&self, deadline: Instant) -> Instant {
        deadline.checked_sub(self.limits.margin).unwrap_or(deadline)
    }

    /// Whether documents may wait for company: no flush is under way that takes them.
    fn is_open(&self) -> bool {
        matches!(
            self.state,
            State::Waiting | State::Held { .. } | State::Released { .. }
        )
    }
}

#[cfg(test)]
mod tests;
