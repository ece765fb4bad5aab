use std::time::Duration;

use serde_json::{Map, Value, json};
use xray_document::{SegmentId, Timestamp};

use super::subscription::{Category, Schema};
use crate::clock::millis;

/// The platform's events, with the members of the schema reference.
#[derive(Debug)]
pub(crate) enum Platform<'a> {
    InitStart {
        phase: &'static str,
        function: &'a str,
        runtime_version: &'a str,
        instance: &'a str,
        memory_mb: u32,
    },
    InitRuntimeDone {
        phase: &'static str,
        status: &'static str,
        error_type: Option<&'a str>,
    },
    InitReport {
        phase: &'static str,
        status: &'static str,
        error_type: Option<&'a str>,
        duration: Duration,
    },
    Start {
        request_id: &'a str,
        tracing: Option<&'a Tracing>,
    },
    RuntimeDone {
        request_id: &'a str,
        status: &'static str,
        error_type: Option<&'a str>,
        duration: Duration,
        produced_bytes: Option<usize>,
        spans: &'a [Span],
        tracing: Option<&'a Tracing>,
    },
    Report {
        request_id: &'a str,
        status: &'static str,
        error_type: Option<&'a str>,
        metrics: Metrics,
        spans: &'a [Span],
        tracing: Option<&'a Tracing>,
    },
    Extension {
        name: &'a str,
        state: &'static str,
        events: &'a [&'static str],
        error_type: Option<&'a str>,
    },
    TelemetrySubscription {
        name: &'a str,
        types: &'a [&'static str],
    },
    LogsDropped {
        records: usize,
        bytes: usize,
    },
}

/// `metrics` of `platform.report`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Metrics {
    pub(crate) duration: Duration,
    pub(crate) billed_ms: u64,
    pub(crate) memory_mb: u32,
    pub(crate) max_memory_mb: u64,
    /// On the cold call only.
    pub(crate) init: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Span {
    pub(crate) name: &'static str,
    pub(crate) start: Timestamp,
    pub(crate) duration: Duration,
}

/// `tracing` of an event: only when the invocation is traced and sampled.
#[derive(Debug, Clone)]
pub(crate) struct Tracing {
    /// The `AWS::Lambda::Function` segment.
    pub(crate) span_id: SegmentId,
    /// A trace header whose parent is the `AWS::Lambda` segment.
    pub(crate) value: String,
}

const INITIALIZATION: &str = "on-demand";

impl Platform<'_> {
    pub(super) fn entry(&self) -> Entry {
        let (kind, record) = self.record();
        Entry {
            time: Timestamp::now(),
            category: Category::Platform,
            kind,
            record: Value::Object(record),
            text: None,
        }
    }

    fn record(&self) -> (&'static str, Map<String, Value>) {
        match *self {
            Self::InitStart {
                phase,
                function,
                runtime_version,
                instance,
                memory_mb,
            } => object(
                "platform.initStart",
                json!({
                    "initializationType": INITIALIZATION,
                    "phase": phase,
                    "functionName": function,
                    "functionVersion": "$LATEST",
                    "instanceId": instance,
                    "instanceMaxMemory": u64::from(memory_mb) * 1024 * 1024,
                    "runtimeVersion": runtime_version,
                }),
            ),
            Self::InitRuntimeDone {
                phase,
                status,
                error_type,
            } => with(
                object(
                    "platform.initRuntimeDone",
                    json!({"initializationType": INITIALIZATION, "phase": phase, "status": status}),
                ),
                error_type,
                &[],
                None,
            ),
            Self::InitReport {
                phase,
                status,
                error_type,
                duration,
            } => with(
                object(
                    "platform.initReport",
                    json!({
                        "initializationType": INITIALIZATION,
                        "phase": phase,
                        "status": status,
                        "metrics": {"durationMs": millis(duration)},
                    }),
                ),
                error_type,
                &[],
                None,
            ),
            Self::Start {
                request_id,
                tracing,
            } => with(
                object(
                    "platform.start",
                    json!({"requestId": request_id, "version": "$LATEST"}),
                ),
                None,
                &[],
                tracing,
            ),
            Self::RuntimeDone {
                request_id,
                status,
                error_type,
                duration,
                produced_bytes,
                spans,
                tracing,
            } => {
                let mut metrics = json!({"durationMs": millis(duration)});
                if let Some(bytes) = produced_bytes {
                    metrics["producedBytes"] = bytes.into();
                }
                let record = json!({"requestId": request_id, "status": status, "metrics": metrics});
                with(
                    object("platform.runtimeDone", record),
                    error_type,
                    spans,
                    tracing,
                )
            }
            Self::Report {
                request_id,
                status,
                error_type,
                metrics,
                spans,
                tracing,
            } => {
                let record =
                    json!({"requestId": request_id, "status": status, "metrics": metrics.json()});
                with(
                    object("platform.report", record),
                    error_type,
                    spans,
                    tracing,
                )
            }
            Self::Extension {
                name,
                state,
                events,
                error_type,
            } => with(
                object(
                    "platform.extension",
                    json!({"name": name, "state": state, "events": events}),
                ),
                error_type,
                &[],
                None,
            ),
            Self::TelemetrySubscription { name, types } => object(
                "platform.telemetrySubscription",
                json!({"name": name, "state": "Subscribed", "types": types}),
            ),
            Self::LogsDropped { records, bytes } => object(
                "platform.logsDropped",
                json!({
                    "reason": "Consumer seems to have fallen behind as it has not acknowledged receipt of logs.",
                    "droppedRecords": records,
                    "droppedBytes": bytes,
                }),
            ),
        }
    }
}

impl Metrics {
    fn json(self) -> Value {
        let mut metrics = json!({
            "durationMs": millis(self.duration),
            "billedDurationMs": self.billed_ms,
            "memorySizeMB": self.memory_mb,
            "maxMemoryUsedMB": self.max_memory_mb,
        });
        if let Some(init) = self.init {
            metrics["initDurationMs"] = millis(init).into();
        }
        metrics
    }
}

type Record = (&'static str, Map<String, Value>);

fn object(kind: &'static str, record: Value) -> Record {
    match record {
        Value::Object(record) => (kind, record),
        _ => (kind, Map::new()),
    }
}

/// The members that are absent where there is nothing to say.
fn with(
    record: Record,
    error_type: Option<&str>,
    spans: &[Span],
    tracing: Option<&Tracing>,
) -> Record {
    let (kind, mut record) = record;
    if let Some(error_type) = error_type {
        record.insert("errorType".into(), error_type.into());
    }
    if !spans.is_empty() {
        record.insert("spans".into(), spans.iter().map(Span::json).collect());
    }
    if let Some(tracing) = tracing {
        let value = json!({
            "spanId": tracing.span_id.to_string(),
            "type": xray_document::TRACE_HEADER,
            "value": tracing.value,
        });
        record.insert("tracing".into(), value);
    }
    (kind, record)
}

impl Span {
    fn json(&self) -> Value {
        json!({"name": self.name, "start": self.start.to_iso8601(), "durationMs": millis(self.duration)})
    }
}

/// One event on its way, as every schema has it.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) time: Timestamp,
    pub(super) category: Category,
    pub(super) kind: &'static str,
    record: Value,
    /// A line as it was, where `record` is the object it holds.
    text: Option<String>,
}

impl Entry {
    pub(super) fn line(category: Category, line: &str, object: Option<Value>) -> Self {
        let text = object.is_some().then(|| line.to_owned());
        let record = object.unwrap_or_else(|| line.into());
        Self {
            time: Timestamp::now(),
            category,
            kind: category.as_str(),
            record,
            text,
        }
    }

    /// The event as JSON. Before 2022-12-13 lines are strings, whatever they hold.
    pub(super) fn render(&self, schema: Schema) -> String {
        let text = self.text.as_ref().filter(|_| schema == Schema::V2022_07_01);
        let record = text.map_or_else(|| self.record.to_string(), |text| json!(text).to_string());
        format!(
            r#"{{"time":"{}","type":"{}","record":{record}}}"#,
            self.time.to_iso8601(),
            self.kind
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_micros(1_733_337_522_136_204);

    fn value(event: &Platform<'_>) -> Value {
        serde_json::from_str(&event.entry().render(Schema::V2025_01_29)).unwrap()
    }

    #[test]
    fn a_report_has_exactly_the_schemas_members() {
        let tracing = Tracing {
            span_id: SegmentId::from_u64(0x5456_5fb4_1ac7_9632),
            value: "Root=1-x".into(),
        };
        let metrics = Metrics {
            duration: Duration::from_micros(59_800),
            billed_ms: 181,
            memory_mb: 128,
            max_memory_mb: 31,
            init: Some(Duration::from_micros(120_400)),
        };
        let spans = [Span {
            name: "extensionOverhead",
            start: AT,
            duration: Duration::from_micros(18_200),
        }];
        let event = value(&Platform::Report {
            request_id: "r-1",
            status: "success",
            error_type: None,
            metrics,
            spans: &spans,
            tracing: Some(&tracing),
        });
        assert_eq!(event["type"], "platform.report");
        assert_eq!(
            event["record"],
            json!({
                "requestId": "r-1",
                "status": "success",
                "metrics": {"durationMs": 59.8, "billedDurationMs": 181, "memorySizeMB": 128, "maxMemoryUsedMB": 31, "initDurationMs": 120.4},
                "spans": [{"name": "extensionOverhead", "start": "2024-12-04T18:38:42.136Z", "durationMs": 18.2}],
                "tracing": {"spanId": "54565fb41ac79632", "type": "X-Amzn-Trace-Id", "value": "Root=1-x"},
            })
        );
    }

    #[test]
    fn what_there_is_not_is_left_out() {
        let event = value(&Platform::Start {
            request_id: "r-1",
            tracing: None,
        });
        assert_eq!(
            event["record"],
            json!({"requestId": "r-1", "version": "$LATEST"})
        );
        let event = value(&Platform::InitRuntimeDone {
            phase: "init",
            status: "success",
            error_type: None,
        });
        assert_eq!(
            event["record"],
            json!({"initializationType": "on-demand", "phase": "init", "status": "success"})
        );
    }

    #[test]
    fn a_json_line_is_a_string_in_the_first_schema_only() {
        let entry = Entry::line(Category::Function, r#"{"a":1}"#, Some(json!({"a": 1})));
        let record = |schema| {
            serde_json::from_str::<Value>(&entry.render(schema)).unwrap()["record"].clone()
        };
        assert_eq!(record(Schema::V2022_07_01), json!(r#"{"a":1}"#));
        assert_eq!(record(Schema::V2022_12_13), json!({"a": 1}));
    }
}
