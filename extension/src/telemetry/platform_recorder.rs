use std::collections::VecDeque;

use super::invocation::Invocation;
use super::outcome::Recorded;
use super::platform_event::PlatformEvent;
use super::startup::Startup;
use crate::lifecycle::Invoke;

/// Turns platform events into documents that Lambda does not record itself: subsegments under
/// Lambda's function segment, or, if configured, the function segment of invocations for which
/// Lambda records none.
#[derive(Debug)]
pub struct PlatformRecorder {
    /// The name of the function segment; `None` if none is to be recorded.
    function: Option<String>,
    startup: Startup,
    /// The invocations whose `platform.report` has not arrived, oldest first.
    invocations: VecDeque<Invocation>,
}

/// The most invocations without a report, which bounds memory if reports are missing. On
/// Managed Instances several invocations run at a time; elsewhere one does.
const MAX_INVOCATIONS: usize = 1_024;

impl PlatformRecorder {
    /// `function` is the function's name, for a function segment if Lambda records none (tracing
    /// mode PassThrough). `None` records no function segment.
    pub fn new(function: Option<String>) -> Self {
        Self {
            function,
            startup: Startup::default(),
            invocations: VecDeque::new(),
        }
    }

    /// Records an INVOKE. Only INVOKE has the trace header of an invocation that Lambda does not
    /// trace.
    pub(crate) fn record_invoke(&mut self, invoke: &Invoke) -> Recorded {
        let invocation = find_or_add(&mut self.invocations, &invoke.request_id);
        invocation.set_invoke(invoke.clone());
        Recorded {
            documents: invocation.record_start(self.function.as_deref()),
            outcome: None,
        }
    }

    /// Returns whether the function segment of an invocation will be one of this project, if
    /// Lambda records none. It is known after INVOKE is recorded.
    pub fn records_function_segment(&self, request_id: &str) -> bool {
        self.function.is_some()
            && self
                .invocations
                .iter()
                .any(|invocation| invocation.request_id == request_id && invocation.may_be_traced())
    }

    /// Records a platform event.
    pub(crate) fn record(&mut self, event: PlatformEvent) -> Recorded {
        match event {
            PlatformEvent::InitStart(init) => self.startup.init_start(init),
            PlatformEvent::InitRuntimeDone(init) => self.startup.runtime_done(init),
            PlatformEvent::InitReport(init) => self.startup.init_report(init),
            PlatformEvent::RestoreStart { time } => self.startup.restore_start(time),
            PlatformEvent::RestoreReport { time, status } => {
                self.startup.restore_report(time, status);
            }
            PlatformEvent::Start {
                time,
                request_id,
                tracing,
            } => {
                let startup = self.startup.take(time);
                let invocation = find_or_add(&mut self.invocations, &request_id);
                invocation.set_start(time, tracing, startup);
                return Recorded {
                    documents: invocation.record_start(self.function.as_deref()),
                    outcome: None,
                };
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
        Recorded::default()
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
