use serde_json::{Map, Value, json};
use xray_document::Timestamp;

use super::event::{ExtensionReport, InvocationReport, PlatformEvent};
use super::init::{InitPhase, InitReport};
use super::metrics::Metrics;
use super::progress::Progress;
use super::span::Span;
use super::status::Status;
use super::trace::SampledTrace;
use crate::FunctionConfig;
use crate::clock::millis;
use crate::state::{Failure, RegisteredEvents};

/// An event of category `platform`, as the Telemetry API sends it (Lambda Developer Guide,
/// "Telemetry API Event schema reference").
#[derive(Debug)]
pub(super) struct TelemetryRecord {
    /// `type`
    pub(super) kind: &'static str,
    /// `record`
    pub(super) members: Map<String, Value>,
}

/// The telemetry record of an event; `None` if the event has none.
pub(super) fn telemetry_record(event: &PlatformEvent<'_>) -> Option<TelemetryRecord> {
    match event {
        PlatformEvent::InitStart {
            phase,
            function,
            log_stream,
            runtime_version,
        } => Some(init_start(*phase, function, log_stream, runtime_version)),
        PlatformEvent::InitRuntimeDone { phase, failure } => {
            Some(init_runtime_done(*phase, *failure))
        }
        PlatformEvent::InitReport(report) => Some(init_report(report)),
        PlatformEvent::Extension {
            name,
            events,
            report,
        } => Some(extension(name, *events, *report)),
        PlatformEvent::TelemetrySubscription { name, types } => {
            let types: Vec<_> = types.iter().map(|category| category.as_str()).collect();
            Some(TelemetryRecord::new(
                "platform.telemetrySubscription",
                json!({"name": name, "state": "Subscribed", "types": types}),
            ))
        }
        PlatformEvent::LogsDropped { records, bytes } => Some(logs_dropped(*records, *bytes)),
        PlatformEvent::Start { request, .. } => Some(
            TelemetryRecord::new(
                "platform.start",
                json!({"requestId": request.id, "version": "$LATEST"}),
            )
            .tracing(request.trace.as_ref()),
        ),
        PlatformEvent::RuntimeDone {
            request,
            progress,
            failure,
            end,
        } => {
            let metrics = runtime_metrics(progress, *end);
            let record = invocation(
                "platform.runtimeDone",
                &request.id,
                progress,
                *failure,
                metrics,
            );
            let spans = progress.runtime_spans();
            Some(record.spans(&spans).tracing(request.trace.as_ref()))
        }
        PlatformEvent::Report(report) => Some(report_record(report)),
        PlatformEvent::Accepted { .. }
        | PlatformEvent::Rejected { .. }
        | PlatformEvent::Responded { .. }
        | PlatformEvent::Failed { .. } => None,
    }
}

const INITIALIZATION_TYPE: &str = "on-demand";

fn init_start(
    phase: InitPhase,
    function: &FunctionConfig,
    log_stream: &str,
    runtime_version: &str,
) -> TelemetryRecord {
    TelemetryRecord::new(
        "platform.initStart",
        json!({
            "initializationType": INITIALIZATION_TYPE,
            "phase": phase.as_str(),
            "functionName": function.name,
            "functionVersion": "$LATEST",
            "instanceId": log_stream,
            "instanceMaxMemory": u64::from(function.memory_mb) * 1024 * 1024,
            "runtimeVersion": runtime_version,
        }),
    )
}

fn init_runtime_done(phase: InitPhase, failure: Option<&Failure>) -> TelemetryRecord {
    TelemetryRecord::new(
        "platform.initRuntimeDone",
        json!({
            "initializationType": INITIALIZATION_TYPE,
            "phase": phase.as_str(),
            "status": Status::of(failure).as_str(),
        }),
    )
    .error_type(failure.map(Failure::error_type))
}

fn init_report(report: &InitReport) -> TelemetryRecord {
    let failure = report.failure.as_ref();
    TelemetryRecord::new(
        "platform.initReport",
        json!({
            "initializationType": INITIALIZATION_TYPE,
            "phase": report.phase.as_str(),
            "status": Status::of(failure).as_str(),
            "metrics": {"durationMs": millis(report.duration)},
        }),
    )
    .error_type(failure.map(Failure::error_type))
}

fn extension(name: &str, events: RegisteredEvents, report: ExtensionReport<'_>) -> TelemetryRecord {
    TelemetryRecord::new(
        "platform.extension",
        json!({"name": name, "state": report.state(), "events": events.names()}),
    )
    .error_type(report.error_type())
}

fn logs_dropped(records: usize, bytes: usize) -> TelemetryRecord {
    TelemetryRecord::new(
        "platform.logsDropped",
        json!({
            "reason": "Consumer seems to have fallen behind as it has not acknowledged receipt of logs.",
            "droppedRecords": records,
            "droppedBytes": bytes,
        }),
    )
}

/// The members that `platform.runtimeDone` and `platform.report` have in common.
fn invocation(
    kind: &'static str,
    request_id: &str,
    progress: &Progress,
    failure: Option<&Failure>,
    metrics: Value,
) -> TelemetryRecord {
    let status = progress.status(failure).as_str();
    TelemetryRecord::new(
        kind,
        json!({"requestId": request_id, "status": status, "metrics": metrics}),
    )
    .error_type(progress.error_type(failure).as_deref())
}

fn runtime_metrics(progress: &Progress, end: Timestamp) -> Value {
    let mut metrics = json!({"durationMs": millis(end.since(progress.start))});
    if let Some(response) = &progress.response {
        metrics["producedBytes"] = response.payload.len().into();
    }
    metrics
}

fn report_record(report: &InvocationReport<'_>) -> TelemetryRecord {
    let (request, progress) = (report.request, report.progress);
    let metrics = report_metrics(Metrics::new(report));
    let span = progress.extension_span(report.end);
    invocation(
        "platform.report",
        &request.id,
        progress,
        report.failure,
        metrics,
    )
    .spans(span.as_slice())
    .tracing(request.trace.as_ref())
}

fn report_metrics(metrics: Metrics) -> Value {
    let mut json = json!({
        "durationMs": millis(metrics.duration),
        "billedDurationMs": metrics.billed_ms,
        "memorySizeMB": metrics.memory_mb,
        "maxMemoryUsedMB": metrics.peak_memory_mb,
    });
    if let Some(init) = metrics.init {
        json["initDurationMs"] = millis(init).into();
    }
    json
}

impl TelemetryRecord {
    fn new(kind: &'static str, record: Value) -> Self {
        let members = match record {
            Value::Object(members) => members,
            _ => Map::new(),
        };
        Self { kind, members }
    }

    fn error_type(mut self, error_type: Option<&str>) -> Self {
        if let Some(error_type) = error_type {
            self.members.insert("errorType".into(), error_type.into());
        }
        self
    }

    fn spans(mut self, spans: &[Span]) -> Self {
        if !spans.is_empty() {
            let json = |span: &Span| {
                json!({
                    "name": span.name,
                    "start": span.start.to_iso8601(),
                    "durationMs": millis(span.duration),
                })
            };
            let spans = spans.iter().map(json).collect();
            self.members.insert("spans".into(), spans);
        }
        self
    }

    fn tracing(mut self, trace: Option<&SampledTrace>) -> Self {
        if let Some(trace) = trace {
            let tracing = json!({
                "spanId": trace.function.to_string(),
                "type": xray_document::TRACE_HEADER,
                "value": trace.telemetry_header().to_string(),
            });
            self.members.insert("tracing".into(), tracing);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::tests::{AT, request, unsampled};
    use std::time::Duration;

    fn record(event: &PlatformEvent<'_>) -> (&'static str, Value) {
        let record = telemetry_record(event).unwrap();
        (record.kind, Value::Object(record.members))
    }

    #[test]
    fn a_report_has_exactly_the_schemas_members() {
        let request = request();
        let trace = request.trace.as_ref().unwrap();
        let end = AT + Duration::from_micros(18_200);
        let start = Timestamp::from_micros(end.as_micros() - 59_800);
        let init = InitReport {
            phase: InitPhase::Init,
            start: AT,
            duration: Duration::from_micros(120_400),
            failure: None,
        };
        let mut progress = Progress::new(start, Some(init));
        progress.runtime_done = Some(AT);
        let (kind, record) = record(&PlatformEvent::Report(InvocationReport {
            request: &request,
            progress: &progress,
            failure: None,
            end,
            peak_memory_mb: 31,
        }));
        assert_eq!(kind, "platform.report");
        assert_eq!(
            record,
            json!({
                "requestId": "r-1",
                "status": "success",
                "metrics": {"durationMs": 59.8, "billedDurationMs": 181, "memorySizeMB": 128, "maxMemoryUsedMB": 31, "initDurationMs": 120.4},
                "spans": [{"name": "extensionOverhead", "start": "2024-12-04T18:38:42.136Z", "durationMs": 18.2}],
                "tracing": {
                    "spanId": trace.function,
                    "type": "X-Amzn-Trace-Id",
                    "value": format!("Root=1-5759e988-bd862e3fe1be46a994272793;Parent={};Sampled=1", trace.service),
                },
            })
        );
    }

    #[test]
    fn absent_members_are_left_out() {
        let (_, start) = record(&PlatformEvent::Start {
            request: &unsampled(),
            at: AT,
        });
        assert_eq!(start, json!({"requestId": "r-1", "version": "$LATEST"}));
        let (_, done) = record(&PlatformEvent::InitRuntimeDone {
            phase: InitPhase::Init,
            failure: None,
        });
        assert_eq!(
            done,
            json!({"initializationType": "on-demand", "phase": "init", "status": "success"})
        );
    }
}
