use std::time::Duration;

use xray_document::{Cause, Exception, Exceptions, SegmentId, Subsegment, Timestamp};

use super::platform_event::{Init, Status};

/// The platform's work before the first invocation of an environment: an init, or the restore
/// of a snapshot.
///
/// Its subsegments have names of this project, because Lambda's own `Init` (in an older style
/// `Initialization`) and `Restore` may be in the same trace.
#[derive(Debug, Default)]
pub(super) struct Startup {
    init_start: Option<Init>,
    runtime_done: Option<Init>,
    init_report: Option<Init>,
    restore_start: Option<Timestamp>,
    restore_report: Option<(Timestamp, Status)>,
}

/// The subsegments of an environment's start, for its first invocation.
#[derive(Debug, Default)]
pub(super) struct StartSubsegments {
    /// `Runtime init` or `Runtime restore`. With active tracing Lambda records the same times
    /// as `Init` and `Restore`, so this is only for a function segment of this project.
    pub(super) init_or_restore: Option<Subsegment>,
    /// `Extension init`, which Lambda never records.
    pub(super) extension_init: Option<Subsegment>,
    /// True if the environment started for an invocation: on demand, or from a snapshot.
    pub(super) cold_start: bool,
}

/// After a longer gap between init and invocation, the init counts as proactive: it is not a
/// part of the invocation, and would stretch its trace.
const MAX_INIT_GAP: Duration = Duration::from_secs(10);

/// Shorter phases are not recorded, because the platform's clock has milliseconds.
pub(super) const MIN_DURATION: Duration = Duration::from_millis(1);

impl Startup {
    pub(super) fn init_start(&mut self, init: Init) {
        *self = Self {
            init_start: Some(init),
            ..Self::default()
        };
    }

    pub(super) fn runtime_done(&mut self, init: Init) {
        self.runtime_done = Some(init);
    }

    pub(super) fn init_report(&mut self, init: Init) {
        self.init_report = Some(init);
    }

    /// Forgets the init: with SnapStart it ran when the version was published.
    pub(super) fn restore_start(&mut self, time: Timestamp) {
        *self = Self {
            restore_start: Some(time),
            ..Self::default()
        };
    }

    pub(super) fn restore_report(&mut self, time: Timestamp, status: Status) {
        self.restore_report = Some((time, status));
    }

    /// Takes the subsegments for the invocation that started at `invocation_start`. Later
    /// invocations get none.
    pub(super) fn take(&mut self, invocation_start: Timestamp) -> StartSubsegments {
        let mut subsegments = StartSubsegments::default();
        if self.init_report.is_none() && self.restore_report.is_none() {
            return subsegments;
        }
        let startup = std::mem::take(self);
        subsegments.cold_start = startup.restore_report.is_some()
            || startup
                .init_report
                .as_ref()
                .is_some_and(|init| init.on_demand);
        let is_near = |end: Timestamp| invocation_start.since(end) <= MAX_INIT_GAP;
        if let (Some(start), Some((end, status))) = (startup.restore_start, startup.restore_report)
            && is_near(end)
        {
            subsegments.init_or_restore = Some(phase("Runtime restore", start, end, &status));
        }
        if let (Some(start), Some(done), Some(report)) = (
            startup.init_start,
            startup.runtime_done,
            startup.init_report,
        ) && report.on_demand
            && report.before_invoke
            && is_near(report.time)
        {
            let init = phase("Runtime init", start.time, done.time, &done.status);
            subsegments.init_or_restore = Some(init);
            // After the runtime's init, Lambda waited for the extensions.
            if report.time.since(done.time) >= MIN_DURATION {
                let extension_init =
                    phase("Extension init", done.time, report.time, &report.status);
                subsegments.extension_init = Some(extension_init);
            }
        }
        subsegments
    }
}

/// Creates the subsegment of a phase, with a fault if the phase failed.
pub(super) fn phase(name: &str, start: Timestamp, end: Timestamp, status: &Status) -> Subsegment {
    let mut subsegment = Subsegment::new(name, SegmentId::random(), start);
    subsegment.end_time = Some(end.max(start));
    if let Some(fault) = &status.fault {
        let kind = fault.error_type.as_deref().unwrap_or("Runtime.Unknown");
        let message = format!("{name}: Lambda reported {}", fault.status);
        subsegment.fault = true;
        subsegment.cause = Some(Cause::Exceptions(Exceptions {
            exceptions: vec![Exception::new(kind, message)],
            ..Exceptions::default()
        }));
    }
    subsegment
}
