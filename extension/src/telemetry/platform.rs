use std::collections::VecDeque;

use xray_document::Document;

use super::Event;
use super::invocation::Invocation;
use super::startup::Startup;
use crate::lifecycle::Invoke;

/// Turns what the platform tells into documents, without doubling what Lambda draws:
/// independent subsegments under Lambda's function segment, or, where it draws none and
/// this is asked for, that segment itself.
#[derive(Debug)]
pub struct Platform {
    /// The function's name, where its segment is to be drawn in PassThrough.
    function: Option<String>,
    startup: Startup,
    open: VecDeque<Invocation>,
}

/// Invocations whose report has not come. One at a time, but for Managed Instances.
const MAX_OPEN: usize = 1_024;

impl Platform {
    /// `function` is the name for segments of our own in PassThrough; `None` draws none.
    pub fn new(function: Option<String>) -> Self {
        Self {
            function,
            startup: Startup::default(),
            open: VecDeque::new(),
        }
    }

    /// INVOKE: the only place where an untraced invocation's header is seen.
    pub(crate) fn invoked(&mut self, invoke: &Invoke) -> Vec<Document> {
        if self.function.is_none() {
            return Vec::new();
        }
        let invocation = find(&mut self.open, &invoke.request_id);
        invocation.invoked(invoke.clone());
        invocation.settle(self.function.as_deref())
    }

    /// An event of the Telemetry API.
    pub(crate) fn record(&mut self, event: Event) -> Vec<Document> {
        match event {
            Event::InitStart(init) => self.startup.init_start(init),
            Event::InitRuntimeDone(init) => self.startup.runtime_done(init),
            Event::InitReport(init) => self.startup.init_report(init),
            Event::RestoreStart { time } => self.startup.restore_start(time),
            Event::RestoreReport { time, status } => self.startup.restore_report(time, status),
            Event::Start {
                time,
                request_id,
                tracing,
            } => {
                let startup = self.startup.take(time);
                let invocation = find(&mut self.open, &request_id);
                invocation.started(time, tracing, startup);
                return invocation.settle(self.function.as_deref());
            }
            Event::RuntimeDone(report) => {
                let open = self
                    .open
                    .iter_mut()
                    .find(|open| open.request_id == report.request_id);
                return open
                    .map(|open| open.runtime_done(&report))
                    .unwrap_or_default();
            }
            Event::Report(report) => {
                let index = self
                    .open
                    .iter()
                    .position(|open| open.request_id == report.request_id);
                let open = index.and_then(|index| self.open.remove(index));
                return open.map(|open| open.report(&report)).unwrap_or_default();
            }
            Event::LogsDropped { .. } => {}
        }
        Vec::new()
    }
}

fn find<'a>(open: &'a mut VecDeque<Invocation>, request_id: &str) -> &'a mut Invocation {
    let index = open
        .iter()
        .position(|open| open.request_id == request_id)
        .unwrap_or_else(|| {
            if open.len() == MAX_OPEN {
                open.pop_front();
            }
            open.push_back(Invocation::new(request_id));
            open.len() - 1
        });
    &mut open[index]
}

#[cfg(test)]
mod tests;
