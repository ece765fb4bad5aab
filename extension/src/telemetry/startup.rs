use std::time::Duration;

use xray_document::{Cause, Exception, Exceptions, SegmentId, Subsegment, Timestamp};

use super::platform_event::{Init, Status};

/// What the platform did to make this environment ready, until the first invocation
/// shows it.
///
/// The names are our own: what is drawn beside Lambda's `Init` (`Initialization` in its
/// older style) and `Restore` must not be taken for them.
#[derive(Debug, Default)]
pub(super) struct Startup {
    init_start: Option<Init>,
    runtime_done: Option<Init>,
    init_report: Option<Init>,
    restore_start: Option<Timestamp>,
    restore_report: Option<(Timestamp, Status)>,
}

/// What the first invocation shows of its environment's start.
#[derive(Debug, Default)]
pub(super) struct StartSubsegments {
    /// How the environment was made ready: `Runtime init` or `Runtime restore`. With active
    /// tracing Lambda draws these same times as `Init` and `Restore` under its function
    /// segment, so ours would double them: only for a segment that we draw ourselves.
    pub(super) init_or_restore: Option<Subsegment>,
    /// What Lambda's segments lack: for whoever's function segment.
    pub(super) extension_init: Option<Subsegment>,
}

/// A longer gap between init and invocation means that Lambda initialised ahead of
/// time: the init is no part of this trace, and would stretch it.
const MAX_INIT_GAP: Duration = Duration::from_secs(10);

/// Shorter parts are noise of the platform's millisecond clock.
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

    /// A snapshot was taken up: its init ran long ago, when the version was published.
    pub(super) fn restore_start(&mut self, time: Timestamp) {
        *self = Self {
            restore_start: Some(time),
            ..Self::default()
        };
    }

    pub(super) fn restore_report(&mut self, time: Timestamp, status: Status) {
        self.restore_report = Some((time, status));
    }

    /// What the invocation that started at `invoked` waited for; each startup is told once.
    pub(super) fn take(&mut self, invocation_start: Timestamp) -> StartSubsegments {
        let mut subsegments = StartSubsegments::default();
        if self.init_report.is_none() && self.restore_report.is_none() {
            return subsegments;
        }
        let startup = std::mem::take(self);
        let near = |end: Timestamp| invocation_start.since(end) <= MAX_INIT_GAP;
        if let (Some(start), Some((end, status))) = (startup.restore_start, startup.restore_report)
            && near(end)
        {
            subsegments.init_or_restore = Some(phase("Runtime restore", start, end, &status));
        }
        if let (Some(start), Some(done), Some(report)) = (
            startup.init_start,
            startup.runtime_done,
            startup.init_report,
        ) && report.on_demand
            && report.before_invoke
            && near(report.time)
        {
            let init = phase("Runtime init", start.time, done.time, &done.status);
            subsegments.init_or_restore = Some(init);
            // The part of the init that waited for extensions.
            if report.time.since(done.time) >= MIN_DURATION {
                let extension_init =
                    phase("Extension init", done.time, report.time, &report.status);
                subsegments.extension_init = Some(extension_init);
            }
        }
        subsegments
    }
}

/// A part of the platform's work, with its fault where it failed.
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
