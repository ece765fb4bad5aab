use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Number;
use serde_json::value::RawValue;
use xray_document::{Sampled, SegmentId, Timestamp, TraceHeader, TraceId};

/// A platform event that the extension uses. An event of another type, and an event without a
/// required field, is left out. An optional field with an unexpected value counts as absent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum PlatformEvent {
    InitStart(Init),
    InitRuntimeDone(Init),
    InitReport(Init),
    RestoreStart {
        time: Timestamp,
    },
    RestoreRuntimeDone {
        time: Timestamp,
    },
    RestoreReport {
        time: Timestamp,
        status: Status,
    },
    Start(Start),
    RuntimeDone(Report),
    Report(Report),
    /// Lambda dropped events because this extension did not accept them fast enough.
    LogsDropped {
        /// The number of dropped events.
        records: u64,
    },
}

/// A `platform.initStart`, `platform.initRuntimeDone` or `platform.initReport`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Init {
    pub(crate) time: Timestamp,
    /// True if the initialization type is on-demand: not provisioned concurrency, SnapStart or
    /// Managed Instances.
    pub(crate) on_demand: bool,
    /// True if the init ran before the invocation. If it fails, Lambda repeats it inside the
    /// invocation (suppressed init).
    pub(crate) before_invoke: bool,
    pub(crate) status: Status,
}

/// A `platform.start`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Start {
    pub(crate) time: Timestamp,
    pub(crate) request_id: String,
    pub(crate) tracing: Option<Tracing>,
    pub(crate) version: Option<String>,
    /// Only Managed Instances state it.
    pub(crate) function_arn: Option<String>,
}

/// A `platform.runtimeDone` or `platform.report`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Report {
    pub(crate) time: Timestamp,
    pub(crate) request_id: String,
    pub(crate) status: Status,
    pub(crate) metrics: Metrics,
    /// At most one of each kind.
    pub(crate) spans: Vec<Span>,
}

/// The field `tracing` of a sampled invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tracing {
    pub(crate) trace_id: TraceId,
    /// The parent in the header: Lambda's service segment, or without `span_id` the caller.
    pub(crate) parent: Option<SegmentId>,
    /// The id of Lambda's function segment; absent if Lambda records none (tracing mode
    /// PassThrough; AWS's Lambda emulator, `telemetry/xray/tracer.go`).
    pub(crate) span_id: Option<SegmentId>,
}

/// The result of a phase.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Status {
    /// `None` if the phase succeeded.
    pub(crate) fault: Option<Fault>,
}

/// The status of a phase that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// `error`, `failure` or `timeout`.
    pub(crate) status: String,
    pub(crate) error_type: Option<String>,
}

/// The metrics of a report, in milliseconds, megabytes and bytes. They serialize under
/// Lambda's names.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Metrics {
    #[serde(skip_serializing)]
    pub(crate) duration_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) billed_duration_ms: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "memorySizeMB")]
    pub(crate) memory_size_mb: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "maxMemoryUsedMB")]
    pub(crate) max_memory_used_mb: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) init_duration_ms: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) restore_duration_ms: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) billed_restore_duration_ms: Option<Number>,
    /// The size of the response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) produced_bytes: Option<Number>,
}

/// A span of a report.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Span {
    pub(crate) kind: SpanKind,
    pub(crate) start: Timestamp,
    pub(crate) duration: Duration,
}

/// The spans that Lambda measures, in their order (Lambda Developer Guide, Telemetry API
/// reference).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum SpanKind {
    /// Until the first byte of the response.
    ResponseLatency,
    /// From the first to the last byte of the response.
    ResponseDuration,
    /// From the response to the runtime's next call of `/next`.
    RuntimeOverhead,
    /// From then until all extensions called `/next`.
    ExtensionOverhead,
}

impl PlatformEvent {
    /// Reads the body of a request of the Telemetry API, an array of events. Events that cannot
    /// be read are left out.
    pub(crate) fn parse_batch(body: &[u8]) -> Vec<Self> {
        let events: Vec<&RawValue> = serde_json::from_slice(body).unwrap_or_default();
        events
            .into_iter()
            .filter_map(|event| Self::parse(event.get()))
            .collect()
    }

    /// Returns whether the platform ended an invocation because the function timed out or crashed.
    pub(crate) fn is_failure_of_function(&self) -> bool {
        match self {
            Self::RuntimeDone(report) | Self::Report(report) => {
                let fault = report.status.fault.as_ref();
                fault.is_some_and(|fault| !fault.is_handled())
            }
            _ => false,
        }
    }

    fn parse(json: &str) -> Option<Self> {
        let envelope: Envelope<'_> = serde_json::from_str(json).ok()?;
        let time = Timestamp::from_iso8601(envelope.time);
        let record: Record<'_> = serde_json::from_str(envelope.record.get()).unwrap_or_default();
        Some(match envelope.kind {
            "platform.initStart" => Self::InitStart(record.init(time?)),
            "platform.initRuntimeDone" => Self::InitRuntimeDone(record.init(time?)),
            "platform.initReport" => Self::InitReport(record.init(time?)),
            "platform.restoreStart" => Self::RestoreStart { time: time? },
            "platform.restoreRuntimeDone" => Self::RestoreRuntimeDone { time: time? },
            "platform.restoreReport" => Self::RestoreReport {
                time: time?,
                status: record.status(),
            },
            "platform.start" => {
                let tracing = record.tracing();
                Self::Start(Start {
                    time: time?,
                    request_id: text(record.request_id)?,
                    tracing,
                    version: text(record.version),
                    function_arn: text(record.function_arn),
                })
            }
            "platform.runtimeDone" => Self::RuntimeDone(record.report(time?)?),
            "platform.report" => Self::Report(record.report(time?)?),
            "platform.logsDropped" => Self::LogsDropped {
                records: field(record.dropped_records).unwrap_or(0),
            },
            _ => return None,
        })
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(default)]
    time: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow)]
    record: &'a RawValue,
}

/// The fields of all records, not yet parsed, so that an unexpected value in one does not
/// prevent reading the others.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Record<'a> {
    #[serde(borrow)]
    initialization_type: Option<&'a RawValue>,
    #[serde(borrow)]
    phase: Option<&'a RawValue>,
    #[serde(borrow)]
    request_id: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    error_type: Option<&'a RawValue>,
    #[serde(borrow)]
    metrics: Option<&'a RawValue>,
    #[serde(borrow)]
    spans: Option<&'a RawValue>,
    #[serde(borrow)]
    tracing: Option<&'a RawValue>,
    #[serde(borrow)]
    version: Option<&'a RawValue>,
    #[serde(borrow)]
    function_arn: Option<&'a RawValue>,
    #[serde(borrow)]
    dropped_records: Option<&'a RawValue>,
}

impl Record<'_> {
    fn init(&self, time: Timestamp) -> Init {
        let is = |raw, value: &str| field::<String>(raw).is_some_and(|text| text == value);
        Init {
            time,
            on_demand: is(self.initialization_type, "on-demand"),
            before_invoke: is(self.phase, "init"),
            status: self.status(),
        }
    }

    fn report(&self, time: Timestamp) -> Option<Report> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct RawSpan {
            name: SpanKind,
            start: String,
            duration_ms: f64,
        }
        let spans: Vec<&RawValue> = self
            .spans
            .and_then(|raw| serde_json::from_str(raw.get()).ok())
            .unwrap_or_default();
        let mut known: Vec<Span> = Vec::new();
        for raw in spans {
            let span = field(Some(raw)).and_then(|span: RawSpan| {
                Some(Span {
                    kind: span.name,
                    start: Timestamp::from_iso8601(&span.start)?,
                    duration: milliseconds(span.duration_ms)?,
                })
            });
            known.extend(span.filter(|span| known.iter().all(|other| other.kind != span.kind)));
        }
        Some(Report {
            time,
            request_id: text(self.request_id)?,
            status: self.status(),
            metrics: field(self.metrics).unwrap_or_default(),
            spans: known,
        })
    }

    fn status(&self) -> Status {
        let status: String = field(self.status).unwrap_or_default();
        let failed = ["error", "failure", "timeout"].contains(&status.as_str());
        Status {
            fault: failed.then(|| Fault {
                status,
                error_type: text(self.error_type),
            }),
        }
    }

    fn tracing(&self) -> Option<Tracing> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct RawTracing {
            value: String,
            span_id: Option<String>,
        }
        let RawTracing { value, span_id } = field(self.tracing)?;
        let header = TraceHeader::parse(&value);
        let trace_id = header.root.filter(|_| header.sampled == Sampled::Yes)?;
        Some(Tracing {
            trace_id,
            parent: header.parent,
            span_id: span_id.and_then(|id| id.parse().ok()),
        })
    }
}

/// Parses a field; `None` if it is absent or has an unexpected value.
fn field<T: serde::de::DeserializeOwned>(raw: Option<&RawValue>) -> Option<T> {
    serde_json::from_str(raw?.get()).ok()
}

/// The longest text that is kept of an event, in bytes. Request ids and error types are much
/// shorter. Any process in the sandbox can send events, so a longer text counts as absent.
const MAX_TEXT_BYTES: usize = 512;

/// Parses a text that is kept.
fn text(raw: Option<&RawValue>) -> Option<String> {
    field(raw).filter(|text: &String| text.len() <= MAX_TEXT_BYTES)
}

/// The longest duration that is believed. A function may run for 15 minutes (Lambda quotas), and
/// X-Ray cannot read the times that much longer ones lead to.
const MAX_DURATION: Duration = Duration::from_secs(24 * 60 * 60);

/// A duration in telemetry; `None` if it is negative, too long or not a number.
pub(super) fn milliseconds(number: f64) -> Option<Duration> {
    let duration = Duration::try_from_secs_f64(number / 1_000.0).ok()?;
    (duration <= MAX_DURATION).then_some(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_events_and_unexpected_values_do_not_affect_other_events() {
        let batch = br#"[
            {"time":"2026-01-10T09:00:00.000Z","type":"platform.tomorrow","record":[1]},
            {"time":"2026-01-10T09:00:00.000Z","type":"function","record":"hello"},
            7,
            {"time":"2026-01-10T09:00:00.171Z","type":"platform.runtimeDone","record":{"requestId":"r-1","status":"success","metrics":"none","spans":[1,{"name":"runtimeOverhead","start":"2026-01-10T09:00:00.170Z","durationMs":3.5}],"tracing":5,"new":{}}},
            {"type":"platform.start","record":{"requestId":"r-2"}}
        ]"#;
        let events = PlatformEvent::parse_batch(batch);
        let [PlatformEvent::RuntimeDone(done)] = events.as_slice() else {
            panic!("{events:?}")
        };
        assert_eq!(done.request_id, "r-1");
        assert_eq!(done.spans.len(), 1);
        assert_eq!(done.metrics, Metrics::default());
        assert_eq!(PlatformEvent::parse_batch(b"not json"), []);
    }

    #[test]
    fn a_start_without_sampling_has_no_tracing() {
        let start = |tracing: &str| {
            let json = format!(
                r#"[{{"time":"2026-01-10T09:00:00.130Z","type":"platform.start","record":{{"requestId":"r-1"{tracing}}}}}]"#
            );
            match PlatformEvent::parse_batch(json.as_bytes()).pop() {
                Some(PlatformEvent::Start(start)) => start.tracing,
                other => panic!("{other:?}"),
            }
        };
        let root = "Root=1-6750a1b2-00112233445566778899aabb;Parent=0efbd19962d95b05";
        assert_eq!(start(""), None);
        assert_eq!(
            start(&format!(r#","tracing":{{"value":"{root};Sampled=0"}}"#)),
            None
        );
        let tracing = start(&format!(
            r#","tracing":{{"spanId":"54565fb41ac79632","type":"X-Amzn-Trace-Id","value":"{root};Sampled=1"}}"#
        ));
        assert_eq!(tracing.unwrap().span_id, "54565fb41ac79632".parse().ok());
    }

    #[test]
    fn a_request_id_that_is_too_long_is_not_kept() {
        let parse = |length: usize| {
            let json = format!(
                r#"[{{"time":"2026-01-10T09:00:00.130Z","type":"platform.start","record":{{"requestId":"{}"}}}}]"#,
                "x".repeat(length)
            );
            PlatformEvent::parse_batch(json.as_bytes()).len()
        };
        assert_eq!((parse(36), parse(100_000)), (1, 0));
    }

    #[test]
    fn a_timeout_has_its_error_type() {
        let json = br#"[{"time":"2026-01-10T09:00:03.000Z","type":"platform.report","record":{"requestId":"r-2","status":"timeout","errorType":"Sandbox.Timedout","metrics":{"durationMs":3000.0,"billedDurationMs":3000,"memorySizeMB":128,"maxMemoryUsedMB":40}}}]"#;
        let events = PlatformEvent::parse_batch(json);
        let [PlatformEvent::Report(report)] = events.as_slice() else {
            panic!("{events:?}")
        };
        let fault = report.status.fault.as_ref().unwrap();
        assert_eq!(fault.error_type.as_deref(), Some("Sandbox.Timedout"));
        assert_eq!(report.metrics.max_memory_used_mb, Some(40.into()));
    }

    proptest::proptest! {
        #[test]
        fn no_body_panics(
            kind in "platform\\.(initStart|initReport|start|runtimeDone|report|restoreReport|logsDropped)",
            time in "[-0-9TZ:.]{0,30}",
            record in "(\\{(\"(requestId|status|spans|tracing|metrics)\":[\\[\\]{}0-9\"a-z,:]{0,20},?){0,4}\\}|.{0,40})",
        ) {
            let whole = format!(r#"[{{"time":"{time}","type":"{kind}","record":{record}}}]"#);
            PlatformEvent::parse_batch(whole.as_bytes());
            PlatformEvent::parse_batch(record.as_bytes());
        }
    }
}
