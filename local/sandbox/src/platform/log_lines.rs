use super::event::{ExtensionReport, InvocationReport, PlatformEvent};
use super::init::{InitPhase, InitReport};
use super::metrics::Metrics;
use super::status::Status;
use crate::clock::millis;
use crate::state::{Failure, RegisteredEvents};

/// The lines of the function's log for an event, without line ends; empty if the event has
/// none.
pub(super) fn log_lines(event: &PlatformEvent<'_>) -> Vec<String> {
    match event {
        PlatformEvent::InitStart {
            phase: InitPhase::Init,
            runtime_version,
            ..
        } => vec![format!("INIT_START Runtime Version: {runtime_version}")],
        PlatformEvent::InitReport(report) => init_report(report).into_iter().collect(),
        PlatformEvent::Extension {
            name,
            events,
            report,
        } => vec![extension(name, *events, *report)],
        PlatformEvent::TelemetrySubscription { name, types } => {
            let types: Vec<_> = types.iter().map(|category| category.as_str()).collect();
            vec![format!(
                "TELEMETRY\tName: {name}\tState: Subscribed\tTypes: [{}]",
                types.join(",")
            )]
        }
        PlatformEvent::Start { request, .. } => {
            vec![format!("START RequestId: {} Version: $LATEST", request.id)]
        }
        PlatformEvent::Failed {
            request,
            failure,
            at,
        } => {
            let (id, message) = (&request.id, failure.message(request.function.timeout));
            match failure {
                Failure::Timeout => vec![format!("{} {id} {message}", at.to_iso8601())],
                _ => vec![
                    format!("RequestId: {id} Error: {message}"),
                    failure.error_type().to_owned(),
                ],
            }
        }
        PlatformEvent::Report(report) => end_and_report(report),
        PlatformEvent::InitStart {
            phase: InitPhase::Invoke,
            ..
        }
        | PlatformEvent::InitRuntimeDone { .. }
        | PlatformEvent::LogsDropped { .. }
        | PlatformEvent::Accepted { .. }
        | PlatformEvent::Rejected { .. }
        | PlatformEvent::Responded { .. }
        | PlatformEvent::RuntimeDone { .. } => Vec::new(),
    }
}

/// Lambda logs an init only if it failed.
fn init_report(report: &InitReport) -> Option<String> {
    let failure = report.failure.as_ref()?;
    Some(format!(
        "INIT_REPORT Init Duration: {:.2} ms\tPhase: {}\t{}",
        millis(report.duration),
        report.phase.as_str(),
        status_fields(Status::of(Some(failure)), Some(failure.error_type()))
    ))
}

fn extension(name: &str, events: RegisteredEvents, report: ExtensionReport<'_>) -> String {
    let mut line = format!(
        "EXTENSION\tName: {name}\tState: {}\tEvents: [{}]",
        report.state(),
        events.names().join(",")
    );
    if let Some(error_type) = report.error_type() {
        line += &format!("\tError Type: {error_type}");
    }
    line
}

fn end_and_report(report: &InvocationReport<'_>) -> Vec<String> {
    let id = &report.request.id;
    let mut lines = vec![format!("END RequestId: {id}"), report_line(report)];
    lines.extend(memory_warning(report));
    lines.extend(report.request.trace.as_ref().map(|trace| {
        format!(
            "XRAY TraceId: {}\tSegmentId: {}\tSampled: true\t",
            trace.root, trace.function
        )
    }));
    lines
}

fn report_line(report: &InvocationReport<'_>) -> String {
    let metrics = Metrics::new(report);
    let mut line = format!(
        "REPORT RequestId: {}\tDuration: {:.2} ms\tBilled Duration: {} ms\tMemory Size: {} MB\tMax Memory Used: {} MB\t",
        report.request.id,
        millis(metrics.duration),
        metrics.billed_ms,
        metrics.memory_mb,
        metrics.peak_memory_mb
    );
    if let Some(init) = metrics.init {
        line += &format!("Init Duration: {:.2} ms\t", millis(init));
    }
    // Lambda leaves out an error that the runtime reported for the request alone.
    if report.failure.is_some() {
        let progress = report.progress;
        let error_type = progress.error_type(report.failure);
        line += &status_fields(progress.status(report.failure), error_type.as_deref());
        line.push('\t');
    }
    line
}

/// Lambda would have killed the environment; the sandbox does not limit its memory.
fn memory_warning(report: &InvocationReport<'_>) -> Option<String> {
    let (used, size) = (report.peak_memory_mb, report.request.function.memory_mb);
    (used > u64::from(size)).then(|| {
        format!(
            "RequestId: {} used {used} MB, which is over the MemorySize of {size} MB: Lambda would have ended it with signal: killed",
            report.request.id
        )
    })
}

/// Log lines write `error` for the Telemetry API's `failure`.
fn status_fields(status: Status, error_type: Option<&str>) -> String {
    match (status, error_type) {
        (Status::Failure | Status::Error, Some(error_type)) => {
            format!("Status: error\tError Type: {error_type}")
        }
        (Status::Failure, None) => "Status: error".to_owned(),
        _ => format!("Status: {}", status.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::progress::Progress;
    use crate::platform::tests::{AT, request};
    use crate::process::Exit;
    use std::time::Duration;

    fn line(init: Option<InitReport>, failure: Option<&Failure>) -> String {
        report_line(&InvocationReport {
            request: &request(),
            progress: &Progress::new(AT, init),
            failure,
            end: AT + Duration::from_micros(59_801),
            peak_memory_mb: 31,
        })
    }

    fn init(phase: InitPhase, micros: u64) -> InitReport {
        InitReport {
            phase,
            start: AT,
            duration: Duration::from_micros(micros),
            failure: None,
        }
    }

    #[test]
    fn a_cold_invocation_is_billed_with_its_init() {
        assert_eq!(
            line(Some(init(InitPhase::Init, 120_400)), None),
            "REPORT RequestId: r-1\tDuration: 59.80 ms\tBilled Duration: 181 ms\tMemory Size: 128 MB\tMax Memory Used: 31 MB\tInit Duration: 120.40 ms\t"
        );
    }

    #[test]
    fn a_suppressed_init_is_billed_once_within_the_duration() {
        assert_eq!(
            line(Some(init(InitPhase::Invoke, 50_000)), None),
            line(None, None)
        );
    }

    #[test]
    fn a_warm_invocation_has_no_init() {
        assert!(
            line(None, None)
                .ends_with("Billed Duration: 60 ms\tMemory Size: 128 MB\tMax Memory Used: 31 MB\t")
        );
    }

    #[test]
    fn a_crash_and_a_timeout_are_in_the_line() {
        assert!(
            line(None, Some(&Failure::RuntimeExit(Exit::Code(1))))
                .ends_with("Status: error\tError Type: Runtime.ExitError\t")
        );
        assert!(line(None, Some(&Failure::Timeout)).ends_with("Status: timeout\t"));
    }

    #[test]
    fn an_init_error_of_the_runtime_is_in_the_line() {
        let failure = Failure::RuntimeInit {
            error_type: "Runtime.ImportModuleError".to_owned(),
            payload: bytes::Bytes::new(),
        };
        assert!(
            line(None, Some(&failure))
                .ends_with("Status: error\tError Type: Runtime.ImportModuleError\t")
        );
    }
}
