//! The end of an invocation: END and REPORT, and `platform.report`.

use std::time::Duration;

use super::telemetry::{Metrics, Platform, Span, Telemetry, Tracing};
use super::{Init, Log, Phase, SampledTrace};
use crate::FunctionConfig;
use crate::clock::millis;

#[derive(Debug)]
pub(crate) struct Report<'a> {
    pub(crate) request_id: &'a str,
    pub(crate) function: &'a FunctionConfig,
    pub(crate) duration: Duration,
    /// Where the request was the first of its environment.
    pub(crate) init: Option<&'a Init>,
    pub(crate) peak_memory_mb: u64,
    pub(crate) status: &'static str,
    pub(crate) error_type: Option<&'a str>,
    /// The environment ended with the request; else an error is one that the runtime
    /// reported of the request alone.
    pub(crate) fatal: bool,
    pub(crate) spans: &'a [Span],
    pub(crate) trace: Option<&'a SampledTrace>,
    pub(crate) tracing: Option<&'a Tracing>,
}

impl Report<'_> {
    pub(crate) fn tell(&self, telemetry: &Telemetry, log: &Log) {
        let metrics = self.metrics();
        telemetry.platform(&Platform::Report {
            request_id: self.request_id,
            status: self.status,
            error_type: self.error_type,
            metrics,
            spans: self.spans,
            tracing: self.tracing,
        });
        log.platform(&format!("END RequestId: {}", self.request_id));
        log.platform(&self.line(&metrics));
        if let Some(warning) = self.memory_warning() {
            log.platform(&warning);
        }
        if let Some(trace) = self.trace {
            log.platform(&format!(
                "XRAY TraceId: {}\tSegmentId: {}\tSampled: true\t",
                trace.root, trace.function
            ));
        }
    }

    fn metrics(&self) -> Metrics {
        // Suppressed init ran within the invocation: the duration holds it already.
        let init = self.init.filter(|init| init.phase == Phase::Init);
        let init = init.map(|init| init.duration);
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
        // An error that the runtime reported of the request is not in the line.
        if self.fatal {
            line += &log_status(self.status, self.error_type);
            line.push('\t');
        }
        line
    }

    /// Lambda would have killed the environment; nothing here limits its memory.
    fn memory_warning(&self) -> Option<String> {
        let (used, size) = (self.peak_memory_mb, self.function.memory_mb);
        (used > u64::from(size)).then(|| {
            format!(
                "RequestId: {} used {used} MB, which is over the MemorySize of {size} MB: Lambda would have ended it with signal: killed",
                self.request_id
            )
        })
    }
}

/// A status as lines of the log have it; they know no `failure`.
pub(crate) fn log_status(status: &str, error_type: Option<&str>) -> String {
    match (status, error_type) {
        ("failure" | "error", Some(error_type)) => {
            format!("Status: error\tError Type: {error_type}")
        }
        ("failure", None) => "Status: error".to_owned(),
        _ => format!("Status: {status}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(init: Option<&Init>, status: &'static str, error_type: Option<&str>) -> String {
        let function = crate::sandbox::tests::function("orders");
        let report = Report {
            request_id: "r-1",
            function: &function,
            duration: Duration::from_micros(59_801),
            init,
            peak_memory_mb: 31,
            status,
            error_type,
            fatal: status != "success",
            spans: &[],
            trace: None,
            tracing: None,
        };
        report.line(&report.metrics())
    }

    #[test]
    fn a_cold_call_is_billed_with_its_init() {
        let init = Init {
            phase: Phase::Init,
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
    fn a_suppressed_init_is_billed_once_within_the_duration() {
        let init = Init {
            phase: Phase::Invoke,
            start: xray_document::Timestamp::now(),
            duration: Duration::from_micros(50_000),
            failure: None,
        };
        assert_eq!(
            line(Some(&init), "success", None),
            line(None, "success", None)
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

    #[test]
    fn an_init_error_of_the_runtime_is_in_the_line() {
        assert!(
            line(None, "error", Some("Runtime.ImportModuleError"))
                .ends_with("Status: error\tError Type: Runtime.ImportModuleError\t")
        );
    }
}
