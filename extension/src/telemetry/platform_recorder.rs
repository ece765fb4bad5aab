use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

use xray_document::Timestamp;

use super::invocation::{Context, Invocation, Invoked};
use super::open_documents::OpenDocuments;
use super::outcome::Recorded;
use super::platform_event::{Init, PlatformEvent, Report, Start};
use super::sampler::Sampler;
use super::settings::PlatformSettings;
use super::startup::Startup;
use crate::lifecycle::Invoke;
use crate::raw_document::RawDocument;

/// Turns platform events into documents that Lambda does not record itself: subsegments under
/// Lambda's function segment, or, if configured, the function segment of invocations for which
/// Lambda records none. Completes the documents of
/// functions that timed out or crashed.
#[derive(Debug)]
pub struct PlatformRecorder {
    settings: PlatformSettings,
    sampler: Sampler,
    startup: Startup,
    /// The invocations of which events are missing, oldest first.
    invocations: VecDeque<Invocation>,
    finished: Finished,
    open_documents: OpenDocuments,
}

/// The most invocations with missing events, which bounds memory if events are lost. On Managed
/// Instances several invocations run at a time.
const MAX_CONCURRENT_INVOCATIONS: usize = 1_024;

/// The same if one invocation runs at a time: the report of the last one arrives with the next
/// one or the one after it.
const MAX_SEQUENTIAL_INVOCATIONS: usize = 16;

impl PlatformRecorder {
    /// Creates a recorder of an environment that starts.
    pub fn new(settings: PlatformSettings) -> Self {
        Self {
            sampler: Sampler::new(settings.sampling),
            settings,
            startup: Startup::default(),
            invocations: VecDeque::new(),
            finished: Finished::default(),
            open_documents: OpenDocuments::default(),
        }
    }

    /// Records an INVOKE that arrived at `arrived`. Only INVOKE has the trace header of an
    /// invocation that Lambda does not trace.
    pub(crate) fn record_invoke(&mut self, invoke: &Invoke, arrived: Timestamp) -> Recorded {
        let is_wanted = self.settings.function_segment.is_some();
        let invoked = Invoked::new(invoke, arrived, || {
            is_wanted && self.sampler.is_sampled(&invoke.request_id, arrived)
        });
        // A second INVOKE of the same request is a retry, and an invocation of its own.
        let index = self.find_or_add(&invoke.request_id, |invocation| !invocation.has_invoke());
        self.invocations[index].set_invoke(invoked);
        self.advance(index)
    }

    /// Returns whether this project records the function segment of an invocation if Lambda
    /// records none. It is known after INVOKE is recorded.
    pub fn records_function_segment(&self, request_id: &str) -> bool {
        let invocation = self
            .invocations
            .iter()
            .rfind(|invocation| invocation.request_id == request_id);
        self.settings.function_segment.is_some()
            && invocation.is_some_and(Invocation::may_have_own_segment)
    }

    /// Sees a document that the function sent, before it is recorded.
    pub(crate) fn observe(&mut self, document: &RawDocument) {
        self.open_documents.observe(document);
    }

    /// Records a platform event.
    pub(crate) fn record(&mut self, event: PlatformEvent) -> Recorded {
        match event {
            PlatformEvent::InitStart(init) => self.startup.init_start(init),
            PlatformEvent::InitRuntimeDone(init) => self.startup.runtime_done(init),
            PlatformEvent::InitReport(init) => return self.record_init_report(init),
            PlatformEvent::RestoreStart { time } => self.startup.restore_start(time),
            PlatformEvent::RestoreRuntimeDone { time } => self.startup.restore_runtime_done(time),
            PlatformEvent::RestoreReport { time, status } => {
                self.startup.restore_report(time, status);
            }
            PlatformEvent::Start(start) => return self.record_start(start),
            PlatformEvent::RuntimeDone(report) => {
                return self.record_end(report, Invocation::set_runtime_done);
            }
            PlatformEvent::Report(report) => {
                return self.record_end(report, Invocation::set_report);
            }
            PlatformEvent::LogsDropped { .. } => {}
        }
        Recorded::default()
    }

    fn record_start(&mut self, start: Start) -> Recorded {
        if self.finished.contains(&start.request_id, start.time) {
            return Recorded::default();
        }
        // The same request with another start is a retry.
        let index = self.find_or_add(&start.request_id, |invocation| {
            invocation.start().is_none_or(|known| known == start.time)
        });
        let invocation = &mut self.invocations[index];
        if invocation.start().is_none() {
            invocation.set_cold_start(self.startup.take(start.time));
        }
        invocation.set_start(start);
        self.advance(index)
    }

    fn record_end(&mut self, report: Report, set: fn(&mut Invocation, Report)) -> Recorded {
        if self.finished.contains(&report.request_id, report.time) {
            return Recorded::default();
        }
        let index = self.find_or_add(&report.request_id, |invocation| {
            invocation.start().is_none_or(|start| start <= report.time)
        });
        set(&mut self.invocations[index], report);
        self.advance(index)
    }

    /// Records the end of an init. A suppressed init may run inside an invocation that has
    /// begun.
    fn record_init_report(&mut self, init: Init) -> Recorded {
        self.startup.init_report(init);
        let running = self.invocations.iter().rposition(|invocation| {
            invocation.end().is_none()
                && invocation
                    .start()
                    .is_some_and(|start| self.startup.is_inside(start))
        });
        let Some(index) = running else {
            return Recorded::default();
        };
        let invocation = &mut self.invocations[index];
        let start = invocation.start().unwrap_or_default();
        invocation.set_cold_start(self.startup.take(start));
        self.advance(index)
    }

    /// Records what is known of an invocation, and forgets it if nothing more can come.
    fn advance(&mut self, index: usize) -> Recorded {
        let mut context = Context {
            settings: &self.settings,
            open_documents: &mut self.open_documents,
        };
        let invocation = &mut self.invocations[index];
        let recorded = invocation.advance(&mut context);
        if invocation.is_finished(&self.settings)
            && let Some(invocation) = self.invocations.remove(index)
        {
            self.finished.insert(&invocation);
        }
        recorded
    }

    /// The index of the newest invocation of this request that `is_same` accepts.
    fn find_or_add(&mut self, request_id: &str, is_same: impl Fn(&Invocation) -> bool) -> usize {
        let known = self
            .invocations
            .iter()
            .rposition(|invocation| invocation.request_id == request_id && is_same(invocation));
        known.unwrap_or_else(|| {
            let max = if self.settings.managed_instances {
                MAX_CONCURRENT_INVOCATIONS
            } else {
                MAX_SEQUENTIAL_INVOCATIONS
            };
            if self.invocations.len() == max {
                self.invocations.pop_front();
            }
            self.invocations.push_back(Invocation::new(request_id));
            self.invocations.len() - 1
        })
    }
}

/// The last finished invocations. Lambda sends a batch again if it does not receive the
/// response, and its events must not be recorded twice.
#[derive(Debug, Default)]
struct Finished {
    /// A hash of the request id, and the time of the last event.
    invocations: VecDeque<(u64, Timestamp)>,
}

/// Two of the largest batches (1,000 events each) finish fewer invocations than this.
const MAX_FINISHED: usize = 1_024;

impl Finished {
    fn insert(&mut self, invocation: &Invocation) {
        if self.invocations.len() == MAX_FINISHED {
            self.invocations.pop_front();
        }
        let end = invocation.end().unwrap_or_default();
        self.invocations
            .push_back((hash(&invocation.request_id), end));
    }

    /// Returns whether an event of this request and this time belongs to a finished invocation.
    /// A retry of the same request begins later.
    fn contains(&self, request_id: &str, time: Timestamp) -> bool {
        let id = hash(request_id);
        self.invocations
            .iter()
            .any(|(finished, end)| *finished == id && time <= *end)
    }
}

fn hash(request_id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    request_id.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
