use std::time::Duration;

use xray_document::{SegmentId, Subsegment, Timestamp};

use super::platform_event::{Init, Status};

/// The platform's work before an invocation of an environment: inits, or the restore of a
/// snapshot.
#[derive(Debug, Default)]
pub(super) struct Startup {
    /// Oldest first. After a failed init Lambda runs another one (suppressed init).
    inits: Vec<InitPhase>,
    restore: Restore,
    /// Events until this time belong to an earlier invocation.
    taken_until: Option<Timestamp>,
    /// The start of the last invocation.
    last_invocation: Option<Timestamp>,
}

/// The part of an invocation that its environment's start is.
#[derive(Debug, Default)]
pub(super) struct ColdStart {
    /// True if the environment started on demand or from a snapshot, so that the invocation
    /// waited for it.
    pub(super) is_cold: bool,
    /// `Init` and `Restore`, under Lambda's names. With active tracing Lambda records them
    /// itself, so they are only for a function segment of this project.
    pub(super) subsegments: Vec<Subsegment>,
    /// The start of an init that ran inside the invocation.
    pub(super) suppressed_init: Option<Timestamp>,
}

/// The events of one init. They may arrive in any order.
#[derive(Debug, Default)]
struct InitPhase {
    start: Option<Init>,
    runtime_done: Option<Init>,
    report: Option<Init>,
}

#[derive(Debug, Default)]
struct Restore {
    start: Option<Timestamp>,
    runtime_done: Option<Timestamp>,
    report: Option<(Timestamp, Status)>,
}

/// After a longer gap between init and invocation, the init counts as proactive: it is not a
/// part of the invocation, and would stretch its trace.
const MAX_INIT_GAP: Duration = Duration::from_secs(10);

/// Shorter phases are not recorded, because the platform's clock has milliseconds.
pub(super) const MIN_DURATION: Duration = Duration::from_millis(1);

/// The most inits before an invocation. Lambda runs two.
const MAX_INITS: usize = 4;

impl Startup {
    pub(super) fn init_start(&mut self, init: Init) {
        self.set(init, |phase| &mut phase.start);
    }

    pub(super) fn runtime_done(&mut self, init: Init) {
        self.set(init, |phase| &mut phase.runtime_done);
    }

    pub(super) fn init_report(&mut self, init: Init) {
        self.set(init, |phase| &mut phase.report);
    }

    fn set(&mut self, init: Init, event: impl Fn(&mut InitPhase) -> &mut Option<Init>) {
        let is_repeated = self.inits.iter_mut().any(|phase| {
            event(phase)
                .as_ref()
                .is_some_and(|known| known.time == init.time)
        });
        if is_repeated || self.is_taken(init.time) {
            return;
        }
        match self.inits.last_mut().map(&event) {
            Some(missing @ None) => *missing = Some(init),
            _ => {
                if self.inits.len() == MAX_INITS {
                    self.inits.remove(0);
                }
                let mut phase = InitPhase::default();
                *event(&mut phase) = Some(init);
                self.inits.push(phase);
            }
        }
    }

    /// Forgets the init: with SnapStart it ran when the version was published.
    pub(super) fn restore_start(&mut self, time: Timestamp) {
        if !self.is_taken(time) {
            self.inits.clear();
            self.restore.start = Some(time);
        }
    }

    pub(super) fn restore_runtime_done(&mut self, time: Timestamp) {
        if !self.is_taken(time) {
            self.restore.runtime_done = Some(time);
        }
    }

    pub(super) fn restore_report(&mut self, time: Timestamp, status: Status) {
        if !self.is_taken(time) {
            self.restore.report = Some((time, status));
        }
    }

    fn is_taken(&self, time: Timestamp) -> bool {
        self.taken_until.is_some_and(|until| time <= until)
    }

    /// Takes the start of the environment for the invocation that began at `invocation_start`.
    /// Later invocations get none.
    pub(super) fn take(&mut self, invocation_start: Timestamp) -> ColdStart {
        let earlier = self.last_invocation;
        self.last_invocation = earlier.max(Some(invocation_start));
        let reports = self.inits.iter().filter_map(|phase| phase.report.as_ref());
        let reports = reports.map(|report| report.time);
        let restored = self.restore.report.as_ref().map(|(time, _)| *time);
        let Some(last) = reports.chain(restored).max() else {
            return ColdStart::default();
        };
        self.taken_until = Some(last);
        let restore = std::mem::take(&mut self.restore);
        let inits = std::mem::take(&mut self.inits);
        if earlier.is_some_and(|earlier| earlier >= last) {
            // The events are late: an earlier invocation was the first.
            return ColdStart::default();
        }
        let mut cold_start = ColdStart::default();
        let mut next = invocation_start;
        for phase in inits.iter().rev() {
            let on_demand = phase.report.as_ref().is_some_and(|init| init.on_demand);
            cold_start.is_cold |= on_demand;
            if on_demand && let Some((subsegment, end)) = phase.subsegment() {
                if next.since(end) > MAX_INIT_GAP {
                    break;
                }
                next = subsegment.start_time;
                if phase.is_suppressed() {
                    cold_start.suppressed_init = Some(next);
                }
                cold_start.subsegments.insert(0, subsegment);
            }
        }
        if let Some((subsegment, end)) = restore.subsegment() {
            cold_start.is_cold = true;
            if next.since(end) <= MAX_INIT_GAP {
                cold_start.subsegments.insert(0, subsegment);
            }
        }
        cold_start
    }

    /// Returns whether the last init has ended and ran inside an invocation that began at
    /// `invocation_start`.
    pub(super) fn is_inside(&self, invocation_start: Timestamp) -> bool {
        self.inits.last().is_some_and(|phase| {
            let start = phase.start.as_ref().map(|init| init.time);
            phase.is_suppressed() && start.is_some_and(|start| start >= invocation_start)
        })
    }
}

impl InitPhase {
    /// If the init before the invocation fails, Lambda repeats it inside the invocation.
    fn is_suppressed(&self) -> bool {
        self.report.as_ref().is_some_and(|init| !init.before_invoke)
    }

    /// `Init` and its end. It lasts from the launch of the extensions to the last `/next`, as
    /// Lambda's own does (AWS's Lambda emulator, `doRuntimeDomainInit`).
    fn subsegment(&self) -> Option<(Subsegment, Timestamp)> {
        let (start, report) = (self.start.as_ref()?, self.report.as_ref()?);
        let (start, end) = (start.time, report.time);
        let mut init = phase("Init", (start, end), &report.status);
        if let Some(done) = &self.runtime_done {
            // After the runtime's init, Lambda waits for the extensions.
            let parts = [
                ("Runtime init", start, done.time, &done.status),
                ("Extension init", done.time, end, &Status::default()),
            ];
            if parts
                .iter()
                .all(|(_, start, end, _)| end.since(*start) >= MIN_DURATION)
            {
                init.subsegments = parts
                    .map(|(name, start, end, status)| phase(name, (start, end), status))
                    .into();
            }
        }
        Some((init, end))
    }
}

impl Restore {
    /// `Restore` and its end.
    fn subsegment(&self) -> Option<(Subsegment, Timestamp)> {
        let (start, (end, status)) = (self.start?, self.report.as_ref()?);
        let mut restore = phase("Restore", (start, *end), status);
        // After the snapshot is restored, the runtime runs its hooks.
        if let Some(done) = self.runtime_done.filter(|done| done < end) {
            let runtime = phase("Runtime restore", (start, done), &Status::default());
            restore.subsegments = vec![runtime];
        }
        Some((restore, *end))
    }
}

/// Creates the subsegment of a phase, with a fault if the phase failed.
fn phase(name: &str, (start, end): (Timestamp, Timestamp), status: &Status) -> Subsegment {
    let mut subsegment = Subsegment::new(name, SegmentId::random(), start);
    subsegment.end_time = Some(end.max(start));
    if let Some(fault) = &status.fault {
        subsegment.fault = true;
        subsegment.cause = Some(fault.cause(None));
    }
    subsegment
}
