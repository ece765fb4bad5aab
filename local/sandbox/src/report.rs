//! The end of an invocation: END and REPORT, and `platform.report`.

use std::time::Duration;

use crate::FunctionConfig;
use crate::clock::millis;
use crate::environment::{Init, Shared};
use crate::telemetry::{Metrics, Platform, Span, Tracing};
use crate::trace::Trace;

#[derive(Debug)]
pub(crate) struct Report<'a> {
    pub(crate) request_id: &'a str,
    pub(crate) function: &'a FunctionConfig,
    pub(crate) duration: Duration,
    /// On the cold call only.
    pub(crate) init: Option<&'a Init>,
    pub(crate) peak_memory_mb: u64,
    pub(crate) status: &'static str,
    pub(crate) error_type: Option<&'a str>,
    pub(crate) spans: &'a [Span],
    pub(crate) trace: &'a Trace,
    pub(crate) tracing: Option<&'a Tracing>,
}

impl Report<'_> {
    pub(crate) fn tell(&self, shared: &Shared) {
        let metrics = self.metrics();
        shared.telemetry.platform(&Platform::Report {
            request_id: self.request_id,
            status: self.status,
            error_type: self.error_type,
            metrics,
            spans: self.spans,
            tracing: self.tracing,
        });
        shared
            .log
            .platform(&format!("END RequestId: {}", self.request_id));
        shared.log.platform(&self.line(&metrics));
        if self.trace.recorded {
            shared.log.platform(&format!(
                "XRAY TraceId: {}\tSegmentId: {}\tSampled: true\t",
                self.trace.root, self.trace.function
            ));
        }
    }

    fn metrics(&self) -> Metrics {
        let init = self.init.map(|init| init.duration);
        // Init has been billed with the invocation since August 2025.
        let billed = self.duration + init.unwrap_or_default();
        Metrics {
            duration: self.duration,
            billed_ms: u64::try_from(billed.as_micros().div_ceil(1000)).unwrap_or(u64::MAX),
            memory_mb: self.function.memory_mb,
            max_memory_mb: self.peak_memory_mb,
            init,
        }
    }

    fn line(&self, metrics: &Metrics) -> String {
        let mut line = format!(
            "REPORT RequestId: {}\tDuration: {:.2} ms\tBilled Duration: {} ms\tMemory Size: {} MB\tMax Memory Used: {} MB\t",
            self.request_id,
            millis(metrics.duration),
            metrics.billed_ms,
            metrics.memory_mb,
            metrics.max_memory_mb
        );
        if let Some(init) = metrics.init {
            line += &format!("Init Duration: {:.2} ms\t", millis(init));
        }
        // An error that the runtime reported itself is not in the line.
        if self.status == "timeout" || self.status == "failure" {
            line += &format!(
                "Status: {}\t",
                if self.status == "failure" {
                    "error"
                } else {
                    self.status
                }
            );
        }
        if self.status == "failure"
            && let Some(error_type) = self.error_type
        {
            line += &format!("Error Type: {error_type}\t");
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TracingMode;

    fn line(init: Option<&Init>, status: &'static str, error_type: Option<&str>) -> String {
        let function = crate::sandbox::tests::function("orders");
        let trace = Trace::begin(TracingMode::Active, None, "arn", || true);
        let report = Report {
            request_id: "r-1",
            function: &function,
            duration: Duration::from_micros(59_801),
            init,
            peak_memory_mb: 31,
            status,
            error_type,
            spans: &[],
            trace: &trace,
            tracing: None,
        };
        report.line(&report.metrics())
    }

    #[test]
    fn a_cold_call_is_billed_with_its_init() {
        let init = Init {
            start: xray_document::Timestamp::now(),
            duration: Duration::from_micros(120_400),
            failure: None,
        };
        assert_eq!(
            line(Some(&init), "success", None),
            "REPORT RequestId: r-1\tDuration: 59.80 ms\tBilled Duration: 181 ms\tMemory Size: 128 MB\tMax Memory Used: 31 MB\tInit Duration: 120.40 ms\t"
        );
    }

    #[test]
    fn a_warm_call_has_no_init() {
        assert!(
            line(None, "success", None)
                .ends_with("Billed Duration: 60 ms\tMemory Size: 128 MB\tMax Memory Used: 31 MB\t")
        );
    }

    #[test]
    fn a_crash_and_a_timeout_are_in_the_line() {
        assert!(
            line(None, "failure", Some("Runtime.ExitError"))
                .ends_with("Status: error\tError Type: Runtime.ExitError\t")
        );
        assert!(line(None, "timeout", Some("Sandbox.Timedout")).ends_with("Status: timeout\t"));
    }
}
