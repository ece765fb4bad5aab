//! Explores every order of inputs up to a depth, breadth first, and checks what must hold in
//! every state.

use std::collections::HashSet;

use super::*;

/// The number of inputs in the longest order.
const DEPTH: usize = 5;

const TIMEOUT: Duration = Duration::from_secs(3);

const IDS: [&str; 2] = ["r-1", "r-2"];

/// The period of the strategy `background`.
const PERIOD: Duration = Duration::from_millis(300);

/// A flush control with everything around it: Lambda, the buffer and X-Ray.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    control: FlushControl,
    now: Instant,
    wall: SystemTime,
    /// True if `/next` is outstanding. Only then an event can arrive.
    next_is_called: bool,
    /// The latest time of `/next` after the last INVOKE, or of the exit after SHUTDOWN.
    limit: Instant,
    /// True if the last INVOKE may be held.
    may_hold: bool,
    has_shut_down: bool,
    has_exited: bool,
    /// True if a document waits.
    has_waiting: bool,
    /// True if a batch is in flight.
    in_flight: bool,
}

/// One step of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Invoke {
        request_id: &'static str,
        timeout: Duration,
        may_trace: bool,
        can_delay: bool,
    },
    Shutdown {
        time: Duration,
    },
    Done(&'static str),
    RuntimeDone(&'static str),
    Report(&'static str),
    Telemetry,
    Document {
        is_awaited: bool,
    },
    FullBatch,
    /// X-Ray responds to the batch in flight.
    Response {
        is_failing: bool,
    },
    /// The time of `due` comes.
    Due,
    /// The same, but another input comes first.
    AlmostDue,
    /// Time passes, at most until `due`.
    Pass,
    /// The clock stops for ten seconds.
    Freeze,
    /// The wall clock is set back.
    SetBack,
}

impl World {
    fn new(control: FlushControl) -> Self {
        let now = Instant::now() + Duration::from_secs(100);
        let mut world = Self {
            control,
            now,
            wall: SystemTime::now(),
            next_is_called: false,
            limit: now,
            may_hold: false,
            has_shut_down: false,
            has_exited: false,
            has_waiting: false,
            in_flight: false,
        };
        world.perform(FlushControl::start());
        world
    }

    /// The steps that are possible now.
    fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        if self.has_exited {
            return steps;
        }
        if self.next_is_called {
            for (request_id, timeout, may_trace, can_delay) in [
                (IDS[0], TIMEOUT, true, true),
                (IDS[1], TIMEOUT, true, true),
                (IDS[0], ms(50), true, true),
                (IDS[0], TIMEOUT, false, true),
                (IDS[0], TIMEOUT, true, false),
            ] {
                if !self.control.managed_instances {
                    steps.push(Step::Invoke {
                        request_id,
                        timeout,
                        may_trace,
                        can_delay,
                    });
                }
            }
            let times = [ms(2_000), ms(100)];
            steps.extend(times.map(|time| Step::Shutdown { time }));
            steps.extend([Step::Freeze, Step::SetBack]);
        }
        for id in IDS {
            steps.extend([Step::Done(id), Step::RuntimeDone(id), Step::Report(id)]);
        }
        let documents = [true, false].map(|is_awaited| Step::Document { is_awaited });
        steps.extend(documents);
        steps.extend([Step::FullBatch, Step::Telemetry, Step::Pass]);
        if self.in_flight {
            let responses = [true, false].map(|is_failing| Step::Response { is_failing });
            steps.extend(responses);
        }
        if self.control.due().is_some() {
            steps.extend([Step::Due, Step::AlmostDue]);
        }
        steps
    }

    fn take(&mut self, step: Step) {
        let (now, received) = (self.now, self.wall);
        match step {
            Step::Invoke {
                request_id,
                timeout,
                may_trace,
                can_delay,
            } => {
                self.next_is_called = false;
                self.may_hold = may_trace && can_delay;
                self.limit = (now + timeout - LIMITS.deadline_margin).max(now);
                self.input(Input::Invoke {
                    request_id,
                    deadline: now + timeout,
                    received,
                    may_trace,
                    can_delay,
                });
            }
            Step::Shutdown { time } => {
                self.next_is_called = false;
                self.has_shut_down = true;
                self.limit = (now + time)
                    .checked_sub(LIMITS.shutdown_margin)
                    .unwrap()
                    .max(now);
                self.input(Input::Shutdown {
                    deadline: now + time,
                });
            }
            Step::Done(request_id) => self.input(Input::Done { request_id }),
            Step::RuntimeDone(request_id) => {
                self.input(Input::Telemetry);
                self.input(Input::RuntimeDone { request_id });
            }
            Step::Report(request_id) => {
                self.input(Input::Telemetry);
                self.input(Input::Report { request_id });
            }
            Step::Telemetry => self.input(Input::Telemetry),
            Step::Document { is_awaited } => {
                self.has_waiting = true;
                self.input(Input::Buffered { is_awaited });
            }
            Step::FullBatch => {
                self.has_waiting = true;
                self.input(Input::Buffered { is_awaited: true });
                self.input(Input::BatchFull);
            }
            Step::Response { is_failing } => {
                self.in_flight = false;
                self.has_waiting |= is_failing;
                self.idle(is_failing);
            }
            Step::Due => {
                let due = self.control.due().unwrap();
                self.pass(due.saturating_duration_since(now));
                // Two times may have come at once.
                for _ in 0..3 {
                    if self.control.due().is_some_and(|due| due <= self.now) {
                        self.input(Input::Tick);
                    }
                }
                let spins = self.control.due().is_some_and(|due| due <= self.now);
                assert!(!spins, "the same time is due for ever");
            }
            Step::AlmostDue => {
                let due = self.control.due().unwrap();
                self.pass(due.saturating_duration_since(now));
            }
            Step::Pass => {
                let due = self.control.due().unwrap_or(now + ms(40));
                self.pass(due.saturating_duration_since(now).min(ms(40)));
            }
            Step::Freeze => self.wall += Duration::from_secs(10),
            Step::SetBack => self.wall -= Duration::from_secs(3_600),
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.wall += time;
    }

    fn input(&mut self, input: Input<'_>) {
        for action in self.control.on(input, self.now) {
            self.perform(action);
        }
    }

    fn perform(&mut self, action: Action) {
        assert!(!self.has_exited, "{action:?} after the exit");
        match action {
            Action::Next => {
                assert!(!self.next_is_called, "/next is called twice");
                assert!(!self.has_shut_down, "/next is called after SHUTDOWN");
                self.next_is_called = true;
            }
            Action::Send | Action::SendFull => self.start_batch(),
            Action::Flush { until } => {
                assert!(until > self.now, "{action:?} has no time");
                assert!(until <= self.limit, "{action:?} exceeds the deadline");
                self.start_batch();
                if !self.in_flight {
                    self.idle(false);
                }
            }
            Action::Exit => {
                let has_rest = self.has_waiting || self.in_flight;
                let is_early = self.now < self.limit;
                assert!(!(has_rest && is_early), "documents are lost");
                assert!(self.has_shut_down);
                self.has_exited = true;
            }
        }
    }

    fn start_batch(&mut self) {
        self.in_flight |= self.has_waiting;
        self.has_waiting = false;
    }

    fn idle(&mut self, is_failing: bool) {
        let has_waiting = self.has_waiting;
        self.input(Input::Idle {
            has_waiting,
            is_failing,
        });
    }

    /// Sets both clocks back to `zero`, with every time relative to them, so that equal states
    /// at different times are one.
    fn rebase(&mut self, zero: (Instant, SystemTime)) {
        let (now, wall_now) = (self.now, self.wall);
        let passed = now - zero.0;
        let back = |time: &mut Instant| *time -= passed;
        let control = &mut self.control;
        control.send_at.iter_mut().for_each(back);
        control.quiet_until = control.quiet_until.take().filter(|until| *until > now);
        control.quiet_until.iter_mut().for_each(back);
        match &mut control.state {
            State::Held {
                until,
                telemetry_due,
                ..
            } => {
                back(until);
                telemetry_due.iter_mut().for_each(back);
            }
            State::Flushing { until } => back(until),
            State::AwaitingReport { until, flush_until } => {
                back(until);
                back(flush_until);
            }
            State::FinalFlush {
                until, retry_at, ..
            } => {
                back(until);
                retry_at.iter_mut().for_each(back);
            }
            State::Waiting | State::Released { .. } | State::Ended => {}
        }
        if let Some((last, last_wall)) = &mut control.traffic.last {
            // A longer gap has the same effect.
            const LONG: Duration = Duration::from_secs(20);
            let gap = wall_now.duration_since(*last_wall);
            *last = (*last - passed).max(zero.0 - LONG);
            *last_wall = match gap {
                Ok(gap) => zero.1 - gap.min(LONG),
                Err(_) => zero.1 + LONG,
            };
        }
        back(&mut self.limit);
        self.limit = self.limit.max(zero.0);
        (self.now, self.wall) = zero;
    }

    /// Checks what must hold between two steps.
    fn check(&self, strategy: Strategy) {
        let state = self.control.state();
        assert_eq!(*state == State::Ended, self.has_exited);
        if self.has_exited {
            return;
        }
        let due = self.control.due();
        if !self.next_is_called {
            assert!(
                due.is_some_and(|due| due <= self.limit),
                "held, or running after SHUTDOWN, beyond the limit"
            );
        }
        if !self.next_is_called && !self.has_shut_down {
            assert!(self.may_hold, "held although nothing can come of it");
            let never = matches!(strategy, Strategy::Next | Strategy::Background(_));
            assert!(!never, "held against the strategy");
        }
        if self.has_waiting && !self.in_flight {
            let longest = match strategy {
                Strategy::Background(period) => LIMITS.linger.max(period),
                Strategy::Adaptive | Strategy::End | Strategy::Next => LIMITS.linger,
            };
            assert!(
                due.is_some_and(|due| due <= self.now + longest) || self.has_shut_down,
                "documents wait for too long: {due:?}"
            );
        }
    }
}

/// Explores from this control. Returns the number of states.
fn explore(control: FlushControl, depth: usize) -> usize {
    let strategy = control.strategy;
    let world = World::new(control);
    let zero = (world.now, world.wall);
    let mut seen = HashSet::from([world.clone()]);
    let mut frontier = vec![(world, Vec::new())];
    for _ in 0..depth {
        let mut reached = Vec::new();
        for (world, path) in &frontier {
            for step in world.steps() {
                let path: Vec<Step> = path.iter().copied().chain([step]).collect();
                // A failed check shows the order that led to it.
                let shown = ShowPath(&path);
                let mut world = world.clone();
                world.take(step);
                world.check(strategy);
                drop(shown);
                world.rebase(zero);
                if seen.insert(world.clone()) {
                    reached.push((world, path));
                }
            }
        }
        frontier = reached;
    }
    seen.len()
}

/// Prints the order of steps if a check fails.
struct ShowPath<'a>(&'a [Step]);

impl Drop for ShowPath<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{:#?}", self.0);
        }
    }
}

fn control(strategy: Strategy) -> FlushControl {
    FlushControl::new(strategy, LIMITS, true, false)
}

#[test]
fn no_order_of_inputs_holds_too_long_loses_a_document_or_confuses_next() {
    let mut controls = vec![
        control(Strategy::End),
        control(Strategy::Next),
        control(Strategy::Background(PERIOD)),
        control(Strategy::Adaptive),
        FlushControl::new(Strategy::End, LIMITS, false, false),
        FlushControl::new(Strategy::Adaptive, LIMITS, true, true),
    ];
    let limits = Limits::with_flush_timeout(Duration::ZERO);
    controls.push(FlushControl::new(Strategy::End, limits, true, false));
    let mut dense = control(Strategy::Adaptive);
    for _ in 0..20 {
        let now = Instant::now() + Duration::from_secs(100);
        dense.traffic.on_invoke(now, SystemTime::now());
    }
    assert!(dense.traffic.is_dense());
    controls.push(dense);
    let mut fruitless = control(Strategy::Adaptive);
    fruitless.holds_without_documents = LIMITS.holds_without_documents - 1;
    controls.push(fruitless);
    for control in controls {
        let name = format!("{:?} {:?}", control.strategy, control.telemetry);
        let begun = Instant::now();
        let states = explore(control, DEPTH);
        println!("{name}: {states} states in {:?}", begun.elapsed());
        assert!(states > 300, "{states} states are too few to prove much");
    }
}
