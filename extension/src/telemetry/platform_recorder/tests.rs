use std::time::Duration;

use serde_json::Value;

use super::*;
use crate::telemetry::InvocationOutcome;

const ROOT: &str = "1-6750a1b2-00112233445566778899aabb";
const SPAN: &str = "54565fb41ac79632";

fn tracing() -> String {
    format!(
        r#","tracing":{{"spanId":"{SPAN}","type":"X-Amzn-Trace-Id","value":"Root={ROOT};Parent=0efbd19962d95b05;Sampled=1"}}"#
    )
}

fn event(second: &str, kind: &str, record: &str) -> String {
    format!(
        r#"{{"time":"2026-01-10T09:00:{second}Z","type":"platform.{kind}","record":{{{record}}}}}"#
    )
}

fn on_demand(kind: &str, second: &str) -> String {
    event(
        second,
        kind,
        r#""initializationType":"on-demand","phase":"init","status":"success""#,
    )
}

fn start(second: &str, tracing: &str) -> String {
    event(second, "start", &format!(r#""requestId":"r-1"{tracing}"#))
}

fn done(second: &str, more: &str) -> String {
    event(
        second,
        "runtimeDone",
        &format!(r#""requestId":"r-1",{more}"#),
    )
}

fn record(recorder: &mut PlatformRecorder, events: &[String]) -> Vec<Value> {
    let batch = format!("[{}]", events.join(","));
    let documents = PlatformEvent::parse_batch(batch.as_bytes())
        .into_iter()
        .flat_map(|event| recorder.record(event).documents);
    documents
        .map(|document| serde_json::from_str(&document.to_json().unwrap()).unwrap())
        .collect()
}

fn names(documents: &[Value]) -> Vec<&str> {
    documents
        .iter()
        .map(|document| document["name"].as_str().unwrap())
        .collect()
}

fn milliseconds(document: &Value) -> f64 {
    let time = |name: &str| document[name].as_f64().unwrap();
    ((time("end_time") - time("start_time")) * 1000.0).round()
}

fn invoke(header: &str) -> Invoke {
    Invoke {
        request_id: "r-1".to_owned(),
        deadline_ms: 0,
        function_arn: "arn:aws:lambda:eu-west-1:123456789012:function:orders".to_owned(),
        trace_header: header.to_owned(),
    }
}

#[test]
fn lambdas_own_init_is_not_recorded_again() {
    // If Lambda records a function segment, the configured function segment is not recorded.
    for function in [None, Some("orders".to_owned())] {
        let mut recorder = PlatformRecorder::new(function);
        let mut documents = record(
            &mut recorder,
            &[
                on_demand("initStart", "00.000"),
                on_demand("initRuntimeDone", "00.120"),
                on_demand("initReport", "00.125"),
                start("00.130", &tracing()),
            ],
        );
        let header = format!("Root={ROOT};Parent={SPAN};Sampled=1");
        assert!(
            recorder
                .record_invoke(&invoke(&header))
                .documents
                .is_empty()
        );
        documents.extend(record(
            &mut recorder,
            &[
                done("00.171", r#""status":"success""#),
                event(
                    "01.000",
                    "start",
                    &format!(r#""requestId":"r-2"{}"#, tracing()),
                ),
            ],
        ));
        assert_eq!(names(&documents), ["Extension init"]);
        assert_eq!(documents[0]["type"], "subsegment");
        assert_eq!(documents[0]["trace_id"], ROOT);
        assert_eq!(documents[0]["parent_id"], SPAN);
        assert_eq!(milliseconds(&documents[0]), 5.0);
    }
}

#[test]
fn an_init_without_waiting_for_extensions_records_nothing() {
    let documents = record(
        &mut PlatformRecorder::new(None),
        &[
            on_demand("initStart", "00.000"),
            on_demand("initRuntimeDone", "00.120"),
            on_demand("initReport", "00.120"),
            start("00.130", &tracing()),
        ],
    );
    assert_eq!(names(&documents), [] as [&str; 0]);
}

#[test]
fn a_proactive_or_provisioned_init_is_not_recorded() {
    let mut proactive = PlatformRecorder::new(None);
    let events = [
        on_demand("initStart", "00.000"),
        on_demand("initRuntimeDone", "00.120"),
        on_demand("initReport", "00.125"),
        start("11.000", &tracing()),
    ];
    assert_eq!(names(&record(&mut proactive, &events)), [] as [&str; 0]);

    let provisioned = events.map(|event| {
        event
            .replace("on-demand", "provisioned-concurrency")
            .replace(":11.", ":01.")
    });
    assert_eq!(
        names(&record(&mut PlatformRecorder::new(None), &provisioned)),
        [] as [&str; 0]
    );
}

#[test]
fn a_restore_is_recorded_under_our_function_segment_without_the_old_init() {
    let restored = |tracing: &str| {
        [
            on_demand("initStart", "00.000"),
            on_demand("initRuntimeDone", "00.120"),
            on_demand("initReport", "00.125"),
            event("01.000", "restoreStart", r#""functionName":"f""#),
            event("01.210", "restoreReport", r#""status":"success""#),
            start("01.220", tracing),
        ]
    };
    // Under its own function segment, Lambda records `Restore` itself.
    let documents = record(&mut PlatformRecorder::new(None), &restored(&tracing()));
    assert_eq!(names(&documents), [] as [&str; 0]);

    let mut recorder = PlatformRecorder::new(Some("orders".to_owned()));
    let header = format!("Root={ROOT};Lineage=1:2");
    assert!(
        recorder
            .record_invoke(&invoke(&header))
            .documents
            .is_empty()
    );
    let mut documents = record(&mut recorder, &restored(""));
    documents.extend(record(
        &mut recorder,
        &[done("01.300", r#""status":"success""#)],
    ));
    assert_eq!(names(&documents), ["Runtime restore", "orders"]);
    assert_eq!(milliseconds(&documents[0]), 210.0);
}

#[test]
fn spans_of_at_least_a_millisecond_are_recorded_under_our_names() {
    let mut recorder = PlatformRecorder::new(None);
    let spans = r#""status":"success","metrics":{"durationMs":40.2},"spans":[
        {"name":"responseLatency","start":"2026-01-10T09:00:00.130Z","durationMs":39.8},
        {"name":"responseDuration","start":"2026-01-10T09:00:00.170Z","durationMs":0.1},
        {"name":"runtimeOverhead","start":"2026-01-10T09:00:00.170Z","durationMs":1.3},
        {"name":"somethingNew","start":"2026-01-10T09:00:00.170Z","durationMs":9}]"#;
    let documents = record(
        &mut recorder,
        &[start("00.130", &tracing()), done("00.171", spans)],
    );
    assert_eq!(names(&documents), ["Response latency", "Runtime overhead"]);

    let report = event(
        "00.190",
        "report",
        r#""requestId":"r-1","status":"success","metrics":{"durationMs":59.8,"billedDurationMs":181,"memorySizeMB":128,"maxMemoryUsedMB":31,"initDurationMs":120.4},"spans":[{"name":"extensionOverhead","start":"2026-01-10T09:00:00.171Z","durationMs":18.2}]"#,
    );
    let documents = record(&mut recorder, &[report]);
    assert_eq!(names(&documents), ["Extension overhead"]);
    assert_eq!(
        documents[0]["metadata"]["xray-lambda"],
        serde_json::json!({"billedDurationMs":181,"memorySizeMB":128,"maxMemoryUsedMB":31,"initDurationMs":120.4})
    );
}

#[test]
fn a_timeout_is_one_fault_with_lambdas_error_type() {
    let mut recorder = PlatformRecorder::new(None);
    let failed =
        r#""status":"timeout","errorType":"Sandbox.Timedout","metrics":{"durationMs":3000.0}"#;
    let documents = record(
        &mut recorder,
        &[
            start("00.130", &tracing()),
            done("03.130", failed),
            event(
                "03.140",
                "report",
                &format!(r#""requestId":"r-1",{failed}"#),
            ),
        ],
    );
    assert_eq!(names(&documents), ["Runtime done"]);
    assert_eq!(documents[0]["fault"], true);
    assert_eq!(
        documents[0]["cause"]["exceptions"][0]["type"],
        "Sandbox.Timedout"
    );
}

#[test]
fn an_untraced_invocation_records_nothing() {
    let documents = record(
        &mut PlatformRecorder::new(None),
        &[
            on_demand("initStart", "00.000"),
            on_demand("initRuntimeDone", "00.120"),
            on_demand("initReport", "00.125"),
            start("00.130", ""),
            done("00.171", r#""status":"error""#),
        ],
    );
    assert_eq!(names(&documents), [] as [&str; 0]);
}

#[test]
fn with_pass_through_our_function_segment_has_both_parts_of_the_init() {
    for start_first in [false, true] {
        let mut recorder = PlatformRecorder::new(Some("orders".to_owned()));
        let header = format!("Root={ROOT};Parent=0efbd19962d95b05;Lineage=1:2");
        let before = [
            on_demand("initStart", "00.000"),
            on_demand("initRuntimeDone", "00.120"),
            on_demand("initReport", "00.125"),
        ];
        let mut documents = record(&mut recorder, &before);
        let record_start =
            |recorder: &mut PlatformRecorder| record(recorder, &[start("00.130", "")]);
        let record_invoke = |recorder: &mut PlatformRecorder| -> Vec<Value> {
            let documents = recorder
                .record_invoke(&invoke(&header))
                .documents
                .into_iter();
            documents
                .map(|document| serde_json::from_str(&document.to_json().unwrap()).unwrap())
                .collect()
        };
        if start_first {
            documents.extend(record_start(&mut recorder));
            documents.extend(record_invoke(&mut recorder));
        } else {
            documents.extend(record_invoke(&mut recorder));
            documents.extend(record_start(&mut recorder));
        }
        documents.extend(record(
            &mut recorder,
            &[done(
                "00.171",
                r#""status":"success","metrics":{"durationMs":40.5}"#,
            )],
        ));
        let expected = ["Runtime init", "Extension init", "orders"];
        assert_eq!(names(&documents), expected);
        assert_eq!(milliseconds(&documents[0]), 120.0);
        assert_eq!(milliseconds(&documents[1]), 5.0);
        let segment = &documents[2];
        assert_eq!(segment["origin"], "AWS::Lambda::Function");
        assert_eq!(segment["parent_id"], "0efbd19962d95b05");
        assert_eq!(segment["aws"]["account_id"], "123456789012");
        for subsegment in &documents[..2] {
            assert_eq!(subsegment["type"], "subsegment");
            assert_eq!(subsegment["trace_id"], ROOT);
            assert_eq!(subsegment["parent_id"], segment["id"]);
        }
        assert_ne!(segment["id"], segment["parent_id"]);
    }
}

#[test]
fn our_function_segment_is_not_recorded_if_the_header_is_not_sampled() {
    let mut recorder = PlatformRecorder::new(Some("orders".to_owned()));
    assert!(
        recorder
            .record_invoke(&invoke(&format!("Root={ROOT};Sampled=0")))
            .documents
            .is_empty()
    );
    let documents = record(
        &mut recorder,
        &[start("00.130", ""), done("00.171", r#""status":"error""#)],
    );
    assert_eq!(names(&documents), [] as [&str; 0]);
}

#[test]
fn on_managed_instances_the_report_is_recorded_under_the_headers_parent() {
    let mut recorder = PlatformRecorder::new(None);
    let traced = format!(
        r#","tracing":{{"type":"X-Amzn-Trace-Id","value":"Root={ROOT};Parent=53995c3f42cd8ad8;Sampled=1"}}"#
    );
    let documents = record(
        &mut recorder,
        &[
            event(
                "33.000",
                "initStart",
                r#""initializationType":"lambda-managed-instances","phase":"init""#,
            ),
            event(
                "33.072",
                "initRuntimeDone",
                r#""initializationType":"lambda-managed-instances","phase":"init""#,
            ),
            event(
                "33.072",
                "initReport",
                r#""initializationType":"lambda-managed-instances","phase":"init""#,
            ),
            start("35.991", &traced),
            event("35.991", "start", r#""requestId":"r-2""#),
            event(
                "36.043",
                "report",
                r#""requestId":"r-1","status":"error","errorType":"Function.Unknown","metrics":{"durationMs":52.1},"spans":[{"name":"responseLatency","start":"2026-01-10T09:00:35.991Z","durationMs":51.9}]"#,
            ),
            event(
                "36.044",
                "report",
                r#""requestId":"r-2","status":"error","metrics":{"durationMs":52.1}"#,
            ),
        ],
    );
    assert_eq!(names(&documents), ["Response latency", "Runtime done"]);
    assert!(
        documents
            .iter()
            .all(|document| document["parent_id"] == "53995c3f42cd8ad8")
    );
    assert!(recorder.invocations.is_empty());
}

#[test]
fn the_number_of_invocations_without_a_report_is_bounded() {
    let mut recorder = PlatformRecorder::new(None);
    for n in 0..2 * MAX_INVOCATIONS {
        record(
            &mut recorder,
            &[event("35.991", "start", &format!(r#""requestId":"r-{n}""#))],
        );
    }
    assert_eq!(recorder.invocations.len(), MAX_INVOCATIONS);
}

#[test]
fn an_invocation_has_one_outcome_also_if_it_records_no_document() {
    let mut recorder = PlatformRecorder::new(None);
    let header = format!("Root={ROOT};Lineage=1:2");
    assert_eq!(recorder.record_invoke(&invoke(&header)).outcome, None);
    let events = [
        on_demand("initStart", "00.000"),
        on_demand("initRuntimeDone", "00.120"),
        on_demand("initReport", "00.125"),
        start("00.130", ""),
        done(
            "00.171",
            r#""status":"error","metrics":{"durationMs":40.25}"#,
        ),
        event(
            "00.190",
            "report",
            r#""requestId":"r-1","status":"error","metrics":{"durationMs":59.8}"#,
        ),
    ];
    let batch = format!("[{}]", events.join(","));
    let outcomes: Vec<_> = PlatformEvent::parse_batch(batch.as_bytes())
        .into_iter()
        .filter_map(|event| recorder.record(event).outcome)
        .collect();
    assert_eq!(
        outcomes,
        [InvocationOutcome {
            trace_id: ROOT.parse().unwrap(),
            fault: true,
            duration: Some(Duration::from_micros(40_250)),
            cold_start: true,
        }]
    );
}

#[test]
fn a_function_segment_is_announced_only_if_configured_and_not_excluded_by_the_header() {
    let announced = |function: Option<&str>, header: &str| {
        let mut recorder = PlatformRecorder::new(function.map(str::to_owned));
        recorder.record_invoke(&invoke(header));
        recorder.records_function_segment("r-1")
    };
    let undecided = format!("Root={ROOT};Lineage=1:2");
    assert!(announced(Some("orders"), &undecided));
    assert!(!announced(None, &undecided));
    assert!(!announced(
        Some("orders"),
        &format!("Root={ROOT};Sampled=0")
    ));
    assert!(!announced(Some("orders"), ""));
}
