use std::time::Duration;

use super::event::InvocationReport;
use super::init::InitReport;

/// The numbers of REPORT and of `platform.report`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Metrics {
    pub(super) duration: Duration,
    pub(super) billed_ms: u64,
    pub(super) memory_mb: u32,
    pub(super) peak_memory_mb: u64,
    /// Present if the request is the first of its environment.
    pub(super) init: Option<Duration>,
}

impl Metrics {
    pub(super) fn new(report: &InvocationReport<'_>) -> Self {
        let duration = report.end.since(report.progress.start);
        let init = report.progress.init.as_ref().and_then(InitReport::billed);
        // Lambda bills init since August 2025.
        let billed = duration + init.unwrap_or_default();
        Self {
            duration,
            billed_ms: u64::try_from(billed.as_micros().div_ceil(1000)).unwrap_or(u64::MAX),
            memory_mb: report.request.function.memory_mb,
            peak_memory_mb: report.peak_memory_mb,
            init,
        }
    }
}
