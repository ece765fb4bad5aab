//! Every kind of event with its three outputs, and the examples for the modules' own tests.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use xray_document::{Document, SegmentId, Timestamp, TraceHeader};

use super::category::TelemetryCategory;
use super::event::{ExtensionReport, InvocationReport, PlatformEvent, ReceivedRequest};
use super::init::{InitPhase, InitReport};
use super::log_lines::log_lines;
use super::progress::Progress;
use super::segment::segment;
use super::telemetry_record::telemetry_record;
use super::trace::SampledTrace;
use crate::InvokeError;
use crate::contract::tests::function;
use crate::process::Exit;
use crate::state::{Failure, RegisteredEvents, RuntimeResponse};

/// 2024-12-04T18:38:42.136204Z
pub(super) const AT: Timestamp = Timestamp::from_micros(1_733_337_522_136_204);

/// A sampled request `r-1` to the function `orders`, received at [`AT`].
pub(super) fn request() -> ReceivedRequest {
    let caller = TraceHeader::parse(
        "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
    );
    let function_segment = SegmentId::from_u64(0x5456_5fb4_1ac7_9632);
    let trace = SampledTrace {
        root: caller.root.unwrap(),
        parent: caller.parent,
        service: SegmentId::from_u64(0x0b1e_55ed_0b1e_55ed),
        function: function_segment,
        header: TraceHeader {
            parent: Some(function_segment),
            ..caller
        },
    };
    ReceivedRequest {
        trace: Some(trace),
        ..unsampled()
    }
}

pub(super) fn unsampled() -> ReceivedRequest {
    ReceivedRequest {
        id: "r-1".to_owned(),
        function: Arc::new(function("orders")),
        at: AT,
        trace: None,
    }
}

/// A response of two bytes that arrived at once.
pub(super) fn response(at: Timestamp) -> RuntimeResponse {
    RuntimeResponse {
        payload: Bytes::from_static(b"{}"),
        error_type: None,
        xray_cause: None,
        first_byte: at,
        complete: at,
    }
}

pub(super) fn json(document: &Document) -> Value {
    serde_json::from_str(&document.to_json().unwrap()).unwrap()
}

fn after(millis: u64) -> Timestamp {
    AT + Duration::from_millis(millis)
}

/// The outputs of one event.
struct Outputs {
    lines: Vec<String>,
    /// `type` and `record`; null if the event has no record.
    record: Value,
    /// Null if the event has no document.
    document: Value,
}

fn outputs(event: &PlatformEvent<'_>) -> Outputs {
    Outputs {
        lines: log_lines(event),
        record: telemetry_record(event)
            .map(|record| json!({"type": record.kind, "record": record.members}))
            .unwrap_or_default(),
        document: segment(event).as_ref().map(json).unwrap_or_default(),
    }
}

const TRACING_VALUE: &str =
    "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=0b1e55ed0b1e55ed;Sampled=1";

fn tracing() -> Value {
    json!({"spanId": "54565fb41ac79632", "type": "X-Amzn-Trace-Id", "value": TRACING_VALUE})
}

#[test]
fn init_start_is_logged_and_recorded() {
    let function = function("orders");
    let event = |phase| PlatformEvent::InitStart {
        phase,
        function: &function,
        log_stream: "2024/12/04/[$LATEST]0f",
        runtime_version: "provided:local",
    };
    let init = outputs(&event(InitPhase::Init));
    assert_eq!(init.lines, ["INIT_START Runtime Version: provided:local"]);
    assert_eq!(
        init.record,
        json!({"type": "platform.initStart", "record": {
            "initializationType": "on-demand",
            "phase": "init",
            "functionName": "orders",
            "functionVersion": "$LATEST",
            "instanceId": "2024/12/04/[$LATEST]0f",
            "instanceMaxMemory": 134_217_728,
            "runtimeVersion": "provided:local",
        }})
    );
    assert_eq!(init.document, Value::Null);

    let suppressed = outputs(&event(InitPhase::Invoke));
    assert!(suppressed.lines.is_empty());
    assert_eq!(suppressed.record["record"]["phase"], "invoke");
}

#[test]
fn init_runtime_done_is_recorded() {
    let failure = Failure::RuntimeExit(Exit::Code(1));
    let done = outputs(&PlatformEvent::InitRuntimeDone {
        phase: InitPhase::Init,
        failure: Some(&failure),
    });
    assert!(done.lines.is_empty());
    assert_eq!(
        done.record,
        json!({"type": "platform.initRuntimeDone", "record": {
            "initializationType": "on-demand",
            "phase": "init",
            "status": "failure",
            "errorType": "Runtime.ExitError",
        }})
    );
    assert_eq!(done.document, Value::Null);
}

#[test]
fn init_report_is_recorded_and_logged_only_if_init_failed() {
    let mut report = InitReport {
        phase: InitPhase::Init,
        start: AT,
        duration: Duration::from_micros(120_400),
        failure: None,
    };
    let success = outputs(&PlatformEvent::InitReport(&report));
    assert!(success.lines.is_empty());
    assert_eq!(
        success.record,
        json!({"type": "platform.initReport", "record": {
            "initializationType": "on-demand",
            "phase": "init",
            "status": "success",
            "metrics": {"durationMs": 120.4},
        }})
    );
    assert_eq!(success.document, Value::Null);

    report.failure = Some(Failure::Timeout);
    let timeout = outputs(&PlatformEvent::InitReport(&report));
    assert_eq!(
        timeout.lines,
        ["INIT_REPORT Init Duration: 120.40 ms\tPhase: init\tStatus: timeout"]
    );
    assert_eq!(timeout.record["record"]["status"], "timeout");
    assert_eq!(timeout.record["record"]["errorType"], "Sandbox.Timedout");
}

#[test]
fn a_ready_and_a_failed_extension_are_logged_and_recorded() {
    let event = |report| PlatformEvent::Extension {
        name: "watcher",
        events: RegisteredEvents {
            invoke: true,
            shutdown: true,
        },
        report,
    };
    let ready = outputs(&event(ExtensionReport::Ready));
    assert_eq!(
        ready.lines,
        ["EXTENSION\tName: watcher\tState: Ready\tEvents: [INVOKE,SHUTDOWN]"]
    );
    assert_eq!(
        ready.record,
        json!({"type": "platform.extension", "record": {
            "name": "watcher", "state": "Ready", "events": ["INVOKE", "SHUTDOWN"],
        }})
    );
    assert_eq!(ready.document, Value::Null);

    let failed = outputs(&event(ExtensionReport::InitError("Extension.NoConfig")));
    assert_eq!(
        failed.lines,
        [
            "EXTENSION\tName: watcher\tState: InitError\tEvents: [INVOKE,SHUTDOWN]\tError Type: Extension.NoConfig"
        ]
    );
    assert_eq!(failed.record["record"]["state"], "InitError");
    assert_eq!(failed.record["record"]["errorType"], "Extension.NoConfig");
}

#[test]
fn a_telemetry_subscription_is_logged_and_recorded() {
    let subscribed = outputs(&PlatformEvent::TelemetrySubscription {
        name: "watcher",
        types: &[TelemetryCategory::Platform, TelemetryCategory::Function],
    });
    assert_eq!(
        subscribed.lines,
        ["TELEMETRY\tName: watcher\tState: Subscribed\tTypes: [platform,function]"]
    );
    assert_eq!(
        subscribed.record,
        json!({"type": "platform.telemetrySubscription", "record": {
            "name": "watcher", "state": "Subscribed", "types": ["platform", "function"],
        }})
    );
    assert_eq!(subscribed.document, Value::Null);
}

#[test]
fn dropped_logs_are_recorded() {
    let dropped = outputs(&PlatformEvent::LogsDropped {
        records: 3,
        bytes: 120,
    });
    assert!(dropped.lines.is_empty());
    assert_eq!(dropped.record["type"], "platform.logsDropped");
    assert_eq!(dropped.record["record"]["droppedRecords"], 3);
    assert_eq!(dropped.record["record"]["droppedBytes"], 120);
    assert_eq!(dropped.document, Value::Null);
}

#[test]
fn an_accepted_request_begins_the_service_segment() {
    let accepted = outputs(&PlatformEvent::Accepted {
        request: &request(),
    });
    assert!(accepted.lines.is_empty());
    assert_eq!(accepted.record, Value::Null);
    assert_eq!(
        accepted.document,
        json!({
            "name": "orders",
            "id": "0b1e55ed0b1e55ed",
            "trace_id": "1-5759e988-bd862e3fe1be46a994272793",
            "parent_id": "53995c3f42cd8ad8",
            "start_time": 1_733_337_522.136,
            "in_progress": true,
            "aws": {"request_id": "r-1"},
            "origin": "AWS::Lambda",
            "resource_arn": "arn:aws:lambda:eu-west-1:123456789012:function:orders",
        })
    );
}

#[test]
fn a_rejected_request_ends_the_service_segment_with_its_status() {
    for (error, status, member) in [
        (InvokeError::TooManyRequests(String::new()), 429, "throttle"),
        (InvokeError::CannotStart(String::new()), 502, "fault"),
        (InvokeError::ShuttingDown, 503, "fault"),
    ] {
        let rejected = outputs(&PlatformEvent::Rejected {
            request: &request(),
            at: after(2),
            error: &error,
        });
        assert!(rejected.lines.is_empty());
        assert_eq!(rejected.record, Value::Null);
        assert_eq!(rejected.document["end_time"], 1_733_337_522.138);
        assert_eq!(rejected.document["http"]["response"]["status"], status);
        assert_eq!(rejected.document[member], true);
    }
}

#[test]
fn start_is_logged_and_recorded_and_begins_the_function_segment() {
    let start = outputs(&PlatformEvent::Start {
        request: &request(),
        at: AT,
    });
    assert_eq!(start.lines, ["START RequestId: r-1 Version: $LATEST"]);
    assert_eq!(
        start.record,
        json!({"type": "platform.start", "record": {
            "requestId": "r-1", "version": "$LATEST", "tracing": tracing(),
        }})
    );
    assert_eq!(
        start.document,
        json!({
            "name": "orders",
            "id": "54565fb41ac79632",
            "trace_id": "1-5759e988-bd862e3fe1be46a994272793",
            "parent_id": "0b1e55ed0b1e55ed",
            "start_time": 1_733_337_522.136_204,
            "in_progress": true,
            "aws": {"cloudwatch_logs": [{"log_group": "/aws/lambda/orders"}]},
            "origin": "AWS::Lambda::Function",
        })
    );
}

#[test]
fn a_response_ends_the_service_segment() {
    for is_error in [false, true] {
        let responded = outputs(&PlatformEvent::Responded {
            request: &request(),
            at: after(2),
            is_error,
        });
        assert!(responded.lines.is_empty());
        assert_eq!(responded.record, Value::Null);
        assert_eq!(responded.document["http"]["response"]["status"], 200);
        assert_eq!(responded.document.get("fault").is_some(), is_error);
    }
}

#[test]
fn runtime_done_is_recorded() {
    let mut progress = Progress::new(AT, None);
    progress.response = Some(response(after(40)));
    progress.runtime_done = Some(after(41));
    let done = outputs(&PlatformEvent::RuntimeDone {
        request: &request(),
        progress: &progress,
        failure: None,
        end: after(41),
    });
    assert!(done.lines.is_empty());
    assert_eq!(
        done.record,
        json!({"type": "platform.runtimeDone", "record": {
            "requestId": "r-1",
            "status": "success",
            "metrics": {"durationMs": 41.0, "producedBytes": 2},
            "spans": [
                {"name": "responseLatency", "start": "2024-12-04T18:38:42.136Z", "durationMs": 40.0},
                {"name": "responseDuration", "start": "2024-12-04T18:38:42.176Z", "durationMs": 0.0},
                {"name": "runtimeOverhead", "start": "2024-12-04T18:38:42.176Z", "durationMs": 1.0},
            ],
            "tracing": tracing(),
        }})
    );
    assert_eq!(done.document, Value::Null);
}

#[test]
fn a_failure_is_logged() {
    let failed = |failure: &Failure| {
        outputs(&PlatformEvent::Failed {
            request: &request(),
            failure,
            at: AT,
        })
    };
    let crash = failed(&Failure::RuntimeExit(Exit::Signal(9)));
    assert_eq!(
        crash.lines,
        [
            "RequestId: r-1 Error: Runtime exited with error: signal: killed",
            "Runtime.ExitError",
        ]
    );
    assert_eq!(crash.record, Value::Null);
    assert_eq!(crash.document, Value::Null);
    assert_eq!(
        failed(&Failure::Timeout).lines,
        ["2024-12-04T18:38:42.136Z r-1 Task timed out after 3.00 seconds"]
    );
}

#[test]
fn report_is_logged_recorded_and_ends_the_function_segment() {
    let mut progress = Progress::new(AT, None);
    progress.response = Some(response(after(40)));
    progress.runtime_done = Some(after(41));
    let report = outputs(&PlatformEvent::Report(InvocationReport {
        request: &request(),
        progress: &progress,
        failure: None,
        end: after(50),
        peak_memory_mb: 31,
    }));
    assert_eq!(
        report.lines,
        [
            "END RequestId: r-1",
            "REPORT RequestId: r-1\tDuration: 50.00 ms\tBilled Duration: 50 ms\tMemory Size: 128 MB\tMax Memory Used: 31 MB\t",
            "XRAY TraceId: 1-5759e988-bd862e3fe1be46a994272793\tSegmentId: 54565fb41ac79632\tSampled: true\t",
        ]
    );
    assert_eq!(
        report.record,
        json!({"type": "platform.report", "record": {
            "requestId": "r-1",
            "status": "success",
            "metrics": {"durationMs": 50.0, "billedDurationMs": 50, "memorySizeMB": 128, "maxMemoryUsedMB": 31},
            "spans": [{"name": "extensionOverhead", "start": "2024-12-04T18:38:42.177Z", "durationMs": 9.0}],
            "tracing": tracing(),
        }})
    );
    assert_eq!(report.document["id"], "54565fb41ac79632");
    assert_eq!(report.document["end_time"], 1_733_337_522.186_204);
    assert_eq!(
        report.document["annotations"],
        json!({
            "aws:responseLatency": 40.0,
            "aws:responseDuration": 0.0,
            "aws:runtimeOverhead": 1.0,
            "aws:extensionOverhead": 9.0,
        })
    );
}

#[test]
fn a_failed_report_says_so_in_all_three() {
    let failure = Failure::RuntimeExit(Exit::Code(1));
    let report = outputs(&PlatformEvent::Report(InvocationReport {
        request: &request(),
        progress: &Progress::new(AT, None),
        failure: Some(&failure),
        end: after(50),
        peak_memory_mb: 200,
    }));
    assert!(report.lines[1].ends_with("Status: error\tError Type: Runtime.ExitError\t"));
    assert!(report.lines[2].contains("over the MemorySize of 128 MB"));
    assert_eq!(report.record["record"]["status"], "failure");
    assert_eq!(report.record["record"]["errorType"], "Runtime.ExitError");
    assert_eq!(report.document["fault"], true);
    assert_eq!(
        report.document["cause"]["exceptions"][0]["type"],
        "Runtime.ExitError"
    );
}

#[test]
fn an_unsampled_request_has_no_document_and_no_tracing() {
    let request = unsampled();
    let start = outputs(&PlatformEvent::Start {
        request: &request,
        at: AT,
    });
    assert_eq!(start.document, Value::Null);
    assert!(start.record["record"].get("tracing").is_none());
    let report = outputs(&PlatformEvent::Report(InvocationReport {
        request: &request,
        progress: &Progress::new(AT, None),
        failure: None,
        end: after(50),
        peak_memory_mb: 31,
    }));
    assert_eq!(report.document, Value::Null);
    assert_eq!(report.lines.len(), 2, "{:?}", report.lines);
}
