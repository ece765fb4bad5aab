use std::sync::Arc;

use super::category::TelemetryCategory;
use super::event::PlatformEvent;
use super::log::Log;
use super::log_lines::log_lines;
use super::segment::segment;
use super::telemetry::Telemetry;
use super::telemetry_record::telemetry_record;
use crate::{FunctionConfig, LogSink, LogSource, SegmentSink};

/// Sends the events of one environment, and the lines of its processes, to the log, to telemetry
/// and to X-Ray.
pub(crate) struct Reporter {
    pub(crate) telemetry: Telemetry,
    log: Log,
    segments: Arc<dyn SegmentSink>,
}

impl std::fmt::Debug for Reporter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reporter")
            .field("telemetry", &self.telemetry)
            .field("log", &self.log)
            .finish_non_exhaustive()
    }
}

impl Reporter {
    pub(crate) fn new(
        function: &FunctionConfig,
        logs: Arc<dyn LogSink>,
        segments: Arc<dyn SegmentSink>,
    ) -> Self {
        let json_lines = function
            .environment
            .get("AWS_LAMBDA_LOG_FORMAT")
            .is_some_and(|format| format.eq_ignore_ascii_case("json"));
        Self {
            telemetry: Telemetry::new(json_lines),
            log: Log::new(function.name.clone(), logs),
            segments,
        }
    }

    /// Sends the event to every output that shows it.
    pub(crate) fn emit(&self, event: &PlatformEvent<'_>) {
        if let Some(record) = telemetry_record(event) {
            self.telemetry.record(record);
        }
        for line in log_lines(event) {
            self.log.line(LogSource::Platform, &line);
        }
        if let Some(document) = segment(event) {
            self.segments.put(vec![document]);
        }
    }

    /// A line that the runtime wrote.
    pub(crate) fn function_line(&self, line: &str) {
        self.telemetry.line(TelemetryCategory::Function, line);
        self.log.line(LogSource::Function, line);
    }

    /// A line that an extension wrote.
    pub(crate) fn extension_line(&self, line: &str) {
        self.telemetry.line(TelemetryCategory::Extension, line);
        self.log.line(LogSource::Extension, line);
    }

    /// Empties the log tail, for the next invocation.
    pub(crate) fn begin_log_tail(&self) {
        self.log.begin_tail();
    }

    /// The last 4 KB of the log since [`begin_log_tail`](Self::begin_log_tail).
    pub(crate) fn log_tail(&self) -> Vec<u8> {
        self.log.tail()
    }
}
