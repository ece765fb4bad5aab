use std::collections::VecDeque;

use xray_document::Document;

use super::invocation::Invocation;
use super::platform_event::PlatformEvent;
use super::startup::Startup;
use crate::lifecycle::Invoke;

/// Turns what the platform tells into documents, without doubling what Lambda draws:
/// independent subsegments under Lambda's function segment, or, where it draws none and
/// this is asked for, that segment itself.
#[derive(Debug)]
pub struct PlatformRecorder {
    /// The function's name, where its segment is to be drawn in PassThrough.
    function: Option<String>,
    startup: Startup,
    invocations: VecDeque<Invocation>,
}

/// Invocations whose report has not come. One at a time, but for Managed Instances.
const MAX_INVOCATIONS: usize = 1_024;

impl PlatformRecorder {
    /// `function` is the name for segments of our own in PassThrough; `None` draws none.
    pub fn new(function: Option<String>) -> Self {
        Self {
            function,
            startup: Startup::default(),
            invocations: VecDeque::new(),
        }
    }

    /// INVOKE: the only place where an untraced invocation's header is seen.
    pub(crate) fn record_invoke(&mut self, invoke: &Invoke) -> Vec<Document> {
        if self.function.is_none() {
            return Vec::new();
        }
        let invocation = find_or_add(&mut self.invocations, &invoke.request_id);
        invocation.set_invoke(invoke.clone());
        invocation.record_start(self.function.as_deref())
    }

    /// An event of the Telemetry API.
    pub(crate) fn record(&mut self, event: PlatformEvent) -> Vec<Document> {
        match event {
            PlatformEvent::InitStart(init) => self.startup.init_start(init),
            PlatformEvent::InitRuntimeDone(init) => self.startup.runtime_done(init),
            PlatformEvent::InitReport(init) => self.startup.init_report(init),
            PlatformEvent::RestoreStart { time } => self.startup.restore_start(time),
            PlatformEvent::RestoreReport { time, status } => {
                self.startup.restore_report(time, status)
            }
            PlatformEvent::Start {
                time,
                request_id,
                tracing,
            } => {
                let startup = self.startup.take(time);
                let invocation = find_or_add(&mut self.invocations, &request_id);
                invocation.set_start(time, tracing, startup);
                return invocation.record_start(self.function.as_deref());
            }
            PlatformEvent::RuntimeDone(report) => {
                let invocation = self
                    .invocations
                    .iter_mut()
                    .find(|invocation| invocation.request_id == report.request_id);
                return invocation
                    .map(|invocation| invocation.runtime_done(&report))
                    .unwrap_or_default();
            }
            PlatformEvent::Report(report) => {
                let index = self
                    .invocations
                    .iter()
                    .position(|invocation| invocation.request_id == report.request_id);
                let invocation = index.and_then(|index| self.invocations.remove(index));
                return invocation
                    .map(|invocation| invocation.report(&report))
                    .unwrap_or_default();
            }
            PlatformEvent::LogsDropped { .. } => {}
        }
        Vec::new()
    }
}

fn find_or_add<'a>(
    invocations: &'a mut VecDeque<Invocation>,
    request_id: &str,
) -> &'a mut Invocation {
    let index = invocations
        .iter()
        .position(|invocation| invocation.request_id == request_id)
        .unwrap_or_else(|| {
            if invocations.len() == MAX_INVOCATIONS {
                invocations.pop_front();
            }
            invocations.push_back(Invocation::new(request_id));
            invocations.len() - 1
        });
    &mut invocations[index]
}

#[cfg(test)]
mod tests;
