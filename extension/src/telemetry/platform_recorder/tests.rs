mod any_order;

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::telemetry::{InvocationOutcome, SamplingRule};

const ROOT: &str = "1-6750a1b2-00112233445566778899aabb";
const SPAN: &str = "54565fb41ac79632";
const CALLER: &str = "0efbd19962d95b05";

/// The header of an invocation that Lambda does not trace.
const UNDECIDED: &str =
    "Root=1-6750a1b2-00112233445566778899aabb;Parent=0efbd19962d95b05;Lineage=1:2";

/// Records what Lambda's own segments lack.
fn recorder() -> PlatformRecorder {
    PlatformRecorder::new(PlatformSettings::default())
}

/// Also records function segments.
fn recorder_of_segments() -> PlatformRecorder {
    PlatformRecorder::new(PlatformSettings {
        function_segment: Some("orders".to_owned()),
        ..PlatformSettings::default()
    })
}

fn tracing() -> String {
    format!(
        r#","tracing":{{"spanId":"{SPAN}","type":"X-Amzn-Trace-Id","value":"Root={ROOT};Parent={CALLER};Sampled=1"}}"#
    )
}

fn event(second: &str, kind: &str, record: &str) -> String {
    format!(
        r#"{{"time":"2026-01-10T09:00:{second}Z","type":"platform.{kind}","record":{{{record}}}}}"#
    )
}

/// An event of an init on demand, before the invocation.
fn init(kind: &str, second: &str) -> String {
    event(
        second,
        kind,
        r#""initializationType":"on-demand","phase":"init","status":"success""#,
    )
}

/// An init of 125 ms, 5 ms of them for the extensions.
fn init_events() -> [String; 3] {
    [
        init("initStart", "00.000"),
        init("initRuntimeDone", "00.120"),
        init("initReport", "00.125"),
    ]
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

fn report(second: &str, more: &str) -> String {
    event(second, "report", &format!(r#""requestId":"r-1",{more}"#))
}

/// A time of the test's day.
fn at(second: &str) -> Timestamp {
    Timestamp::from_iso8601(&format!("2026-01-10T09:00:{second}Z")).unwrap()
}

fn all(recorder: &mut PlatformRecorder, events: &[String]) -> Vec<Recorded> {
    let batch = format!("[{}]", events.join(","));
    PlatformEvent::parse_batch(batch.as_bytes())
        .into_iter()
        .map(|event| recorder.record(event))
        .collect()
}

fn values(recorded: Recorded) -> Vec<Value> {
    let documents = recorded.documents.iter();
    documents
        .map(|document| serde_json::from_str(&document.to_json().unwrap()).unwrap())
        .collect()
}

fn record(recorder: &mut PlatformRecorder, events: &[String]) -> Vec<Value> {
    all(recorder, events).into_iter().flat_map(values).collect()
}

fn record_invoke(recorder: &mut PlatformRecorder, header: &str, second: &str) -> Vec<Value> {
    values(recorder.record_invoke(&invoke(header), at(second)))
}

fn names(documents: &[Value]) -> Vec<&str> {
    documents
        .iter()
        .map(|document| document["name"].as_str().unwrap())
        .collect()
}

fn one<'a>(documents: &'a [Value], name: &str) -> &'a Value {
    let mut named = documents.iter().filter(|document| document["name"] == name);
    let (Some(document), None) = (named.next(), named.next()) else {
        panic!("{name} in {documents:?}")
    };
    document
}

/// The start and the end of a document, in microseconds of the test's minute.
fn times(document: &Value) -> (i64, i64) {
    let micros = |name: &str| {
        let seconds = document[name].as_f64().unwrap();
        Timestamp::from_seconds(seconds).unwrap().as_micros() - at("00.000").as_micros()
    };
    (micros("start_time"), micros("end_time"))
}

fn milliseconds(document: &Value) -> f64 {
    let (start, end) = times(document);
    (end - start) as f64 / 1_000.0
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
fn nothing_of_lambdas_own_init_is_recorded_again() {
    // If Lambda records a function segment, the configured function segment is not recorded.
    for mut recorder in [recorder(), recorder_of_segments()] {
        let mut documents = record(&mut recorder, &init_events());
        documents.extend(record(&mut recorder, &[start("00.130", &tracing())]));
        let header = format!("Root={ROOT};Parent={SPAN};Sampled=1");
        documents.extend(record_invoke(&mut recorder, &header, "00.131"));
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
        assert_eq!(names(&documents), [] as [&str; 0]);
    }
}

#[test]
fn our_init_lasts_as_long_as_lambdas_and_has_its_parts() {
    let mut recorder = recorder_of_segments();
    record(&mut recorder, &init_events());
    record_invoke(&mut recorder, UNDECIDED, "00.131");
    let documents = record(
        &mut recorder,
        &[
            start("00.130", ""),
            done(
                "00.171",
                r#""status":"success","metrics":{"durationMs":40.5}"#,
            ),
        ],
    );
    assert_eq!(names(&documents), ["Init", "orders"]);
    let (init, segment) = (&documents[0], &documents[1]);
    assert_eq!(times(init), (0, 125_000));
    let parts = init["subsegments"].as_array().unwrap();
    assert_eq!(names(parts), ["Runtime init", "Extension init"]);
    assert_eq!(times(&parts[0]), (0, 120_000));
    assert_eq!(times(&parts[1]), (120_000, 125_000));
    assert_eq!(init["parent_id"], segment["id"]);
    assert_eq!(init["trace_id"], ROOT);
    assert_eq!(segment["origin"], "AWS::Lambda::Function");
    assert_eq!(segment["parent_id"], CALLER);
    assert_eq!(segment["aws"]["account_id"], "123456789012");
    assert_eq!(milliseconds(segment), 40.5);
}

#[test]
fn an_init_without_waiting_for_extensions_has_no_parts() {
    let mut recorder = recorder_of_segments();
    record_invoke(&mut recorder, UNDECIDED, "00.131");
    let documents = record(
        &mut recorder,
        &[
            init("initStart", "00.000"),
            init("initRuntimeDone", "00.120"),
            init("initReport", "00.120"),
            start("00.130", ""),
        ],
    );
    assert_eq!(names(&documents), ["Init"]);
    assert_eq!(documents[0].get("subsegments"), None);
}

#[test]
fn a_late_init_is_not_recorded_with_the_next_invocation() {
    let mut recorder = recorder_of_segments();
    let first = [start("00.130", ""), done("00.171", r#""status":"success""#)];
    record_invoke(&mut recorder, UNDECIDED, "00.131");
    assert_eq!(names(&record(&mut recorder, &first)), ["orders"]);
    record(&mut recorder, &init_events());
    let second = event("02.000", "start", r#""requestId":"r-2""#);
    let mut invoke = invoke(UNDECIDED);
    invoke.request_id = "r-2".to_owned();
    recorder.record_invoke(&invoke, at("02.001"));
    assert_eq!(names(&record(&mut recorder, &[second])), [] as [&str; 0]);
}

#[test]
fn a_proactive_or_provisioned_init_is_not_recorded() {
    let mut events = init_events().to_vec();
    events.push(start("11.000", ""));
    let provisioned: Vec<String> = events
        .iter()
        .map(|event| {
            event
                .replace("on-demand", "provisioned-concurrency")
                .replace(":11.", ":01.")
        })
        .collect();
    for (events, second) in [(events, "11.001"), (provisioned, "01.001")] {
        let mut recorder = recorder_of_segments();
        record_invoke(&mut recorder, UNDECIDED, second);
        assert_eq!(names(&record(&mut recorder, &events)), [] as [&str; 0]);
    }
}

#[test]
fn an_init_that_ran_again_inside_the_invocation_is_part_of_it() {
    let again = |kind: &str, second: &str| init(kind, second).replace(r#""init""#, r#""invoke""#);
    let failed = |event: String| event.replace("success", "timeout");
    let inits = [
        init("initStart", "00.000"),
        failed(init("initReport", "10.000")),
        again("initStart", "10.100"),
        again("initRuntimeDone", "12.000"),
        again("initReport", "12.005"),
    ];
    // The order of Lambda, and the order if the init follows START.
    let begin_first = [vec![start("10.100", "")], inits[2..].to_vec()].concat();
    let init_first = [inits.to_vec(), vec![start("12.006", "")]].concat();
    for (events, expected) in [
        (init_first, vec!["Init", "Init", "orders"]),
        (begin_first, vec!["Init", "orders"]),
    ] {
        let mut recorder = recorder_of_segments();
        record_invoke(&mut recorder, UNDECIDED, "12.007");
        let mut documents = record(&mut recorder, &events);
        documents.extend(record(
            &mut recorder,
            &[done(
                "12.046",
                r#""status":"success","metrics":{"durationMs":1945.5}"#,
            )],
        ));
        assert_eq!(names(&documents), expected);
        let (segment, last_init) = (documents.last().unwrap(), &documents[documents.len() - 2]);
        assert_eq!(times(last_init), (10_100_000, 12_005_000));
        assert!(times(segment).0 <= 10_100_999 && times(segment).1 <= 12_047_000);
        assert!(times(segment).1 >= 12_045_000, "{:?}", times(segment));
    }
}

#[test]
fn a_restore_is_recorded_under_our_function_segment_without_the_old_init() {
    let restored = |tracing: &str| {
        [
            init_events().to_vec(),
            vec![
                event("01.000", "restoreStart", r#""functionName":"f""#),
                event("01.180", "restoreRuntimeDone", r#""status":"success""#),
                event("01.210", "restoreReport", r#""status":"success""#),
                start("01.220", tracing),
            ],
        ]
        .concat()
    };
    // Under its own function segment, Lambda records `Restore` itself.
    let documents = record(&mut recorder(), &restored(&tracing()));
    assert_eq!(names(&documents), [] as [&str; 0]);

    let mut recorder = recorder_of_segments();
    record_invoke(&mut recorder, UNDECIDED, "01.221");
    let mut documents = record(&mut recorder, &restored(""));
    documents.extend(record(
        &mut recorder,
        &[done("01.300", r#""status":"success""#)],
    ));
    assert_eq!(names(&documents), ["Restore", "orders"]);
    assert_eq!(milliseconds(&documents[0]), 210.0);
    assert_eq!(documents[0]["subsegments"][0]["name"], "Runtime restore");
}

#[test]
fn spans_of_at_least_a_millisecond_are_recorded_under_our_names() {
    let mut recorder = recorder();
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

    let last = r#""status":"success","metrics":{"durationMs":59.8,"billedDurationMs":181,"memorySizeMB":128,"maxMemoryUsedMB":31,"initDurationMs":120.4},"spans":[{"name":"extensionOverhead","start":"2026-01-10T09:00:00.171Z","durationMs":18.2}]"#;
    let documents = record(&mut recorder, &[report("00.190", last)]);
    assert_eq!(names(&documents), ["Extension overhead"]);
    assert_eq!(
        documents[0]["metadata"]["xray-lambda"],
        json!({"billedDurationMs":181,"memorySizeMB":128,"maxMemoryUsedMB":31,"initDurationMs":120.4})
    );
}

#[test]
fn spans_begin_with_the_invocation_and_keep_their_durations() {
    let mut recorder = recorder();
    let header = format!("Root={ROOT};Parent={SPAN};Sampled=1");
    // Lambda's segment began at 130.647 ms, and INVOKE arrived at 130.9 ms.
    record_invoke(&mut recorder, &header, "00.130900");
    let spans = r#""status":"success","metrics":{"durationMs":40.2},"spans":[
        {"name":"responseLatency","start":"2026-01-10T09:00:00.130Z","durationMs":35.8},
        {"name":"responseDuration","start":"2026-01-10T09:00:00.166Z","durationMs":2.1},
        {"name":"runtimeOverhead","start":"2026-01-10T09:00:00.168Z","durationMs":2.3}]"#;
    let last = r#""status":"success","metrics":{"durationMs":59.8},"spans":[{"name":"extensionOverhead","start":"2026-01-10T09:00:00.170Z","durationMs":19.6}]"#;
    let documents = record(
        &mut recorder,
        &[
            start("00.130", &tracing()),
            done("00.171", spans),
            report("00.191", last),
        ],
    );
    let expected = [
        ("Response latency", 130_900, 166_700),
        ("Response duration", 166_700, 168_800),
        ("Runtime overhead", 168_800, 171_100),
    ];
    for (name, start, end) in expected {
        assert_eq!(times(one(&documents, name)), (start, end), "{name}");
    }
    // Lambda's segment ends at 190.447 ms, 59.8 ms after its start.
    let overhead = one(&documents, "Extension overhead");
    assert_eq!(milliseconds(overhead), 19.6);
    assert!(times(overhead).1 <= 190_447, "{overhead}");
}

#[test]
fn a_document_in_progress_is_a_clock_reading_of_its_invocation() {
    let mut recorder = recorder();
    let began = at("00.130").as_seconds() + 0.000_3;
    recorder.observe(&RawDocument::new(
        ROOT.parse().ok(),
        SPAN.parse().unwrap(),
        true,
        format!(r###"{{"name":"## handler","start_time":{began},"in_progress":true}}"###),
    ));
    let spans = r#""status":"success","metrics":{"durationMs":40.2},"spans":[{"name":"responseLatency","start":"2026-01-10T09:00:00.130Z","durationMs":39.8}]"#;
    let documents = record(
        &mut recorder,
        &[start("00.130", &tracing()), done("00.171", spans)],
    );
    assert_eq!(times(&documents[0]), (130_300, 170_100));
}

#[test]
fn our_function_segment_holds_the_time_of_the_extensions() {
    let mut recorder = recorder_of_segments();
    record_invoke(&mut recorder, UNDECIDED, "00.130900");
    let first = record(
        &mut recorder,
        &[
            start("00.130", ""),
            done(
                "00.171",
                r#""status":"success","metrics":{"durationMs":40.2}"#,
            ),
        ],
    );
    assert_eq!(times(one(&first, "orders")), (130_900, 171_100));
    let last = r#""status":"success","metrics":{"durationMs":59.8},"spans":[{"name":"extensionOverhead","start":"2026-01-10T09:00:00.171Z","durationMs":18.2}]"#;
    let second = record(&mut recorder, &[report("00.191", last)]);
    let (segment, overhead) = (one(&second, "orders"), one(&second, "Extension overhead"));
    assert_eq!(
        segment["id"], first[0]["id"],
        "the second replaces the first"
    );
    assert_eq!(times(segment), (130_900, 190_700));
    assert_eq!(times(overhead), (171_900, 190_100));
}

#[test]
fn a_report_that_changes_nothing_does_not_repeat_the_function_segment() {
    let mut recorder = recorder_of_segments();
    record_invoke(&mut recorder, UNDECIDED, "00.130900");
    let documents = record(
        &mut recorder,
        &[
            start("00.130", ""),
            done(
                "00.171",
                r#""status":"success","metrics":{"durationMs":40.2}"#,
            ),
            report(
                "00.172",
                r#""status":"success","metrics":{"durationMs":40.9}"#,
            ),
        ],
    );
    assert_eq!(names(&documents), ["orders"]);
}

#[test]
fn the_size_of_a_streamed_response_is_metadata_of_its_duration() {
    let spans = r#""status":"success","metrics":{"durationMs":940.2,"producedBytes":20971520},"spans":[{"name":"responseDuration","start":"2026-01-10T09:00:00.170Z","durationMs":900.1}]"#;
    let documents = record(
        &mut recorder(),
        &[start("00.130", &tracing()), done("01.071", spans)],
    );
    let streamed = one(&documents, "Response duration");
    assert_eq!(
        streamed["metadata"]["xray-lambda"],
        json!({"producedBytes": 20_971_520})
    );
    assert_eq!(milliseconds(streamed), 900.1);
}

#[test]
fn annotations_are_recorded_only_by_choice() {
    let last = r#""status":"success","metrics":{"durationMs":40.3,"billedDurationMs":41,"memorySizeMB":128,"maxMemoryUsedMB":31}"#;
    let expected = json!({"billedDurationMs":41,"memorySizeMB":128,"maxMemoryUsedMB":31,"functionVersion":"7"});
    let version = r#","version":"7""#;
    for annotations in [true, false] {
        for (tracing, name) in [(tracing(), "Report"), (String::new(), "orders")] {
            let mut recorder = PlatformRecorder::new(PlatformSettings {
                function_segment: Some("orders".to_owned()),
                annotations,
                ..PlatformSettings::default()
            });
            record_invoke(&mut recorder, UNDECIDED, "00.130900");
            let documents = record(
                &mut recorder,
                &[
                    start("00.130", &format!("{tracing}{version}")),
                    done("00.171", r#""status":"success""#),
                    report("00.172", last),
                ],
            );
            let annotated: Vec<&Value> = documents
                .iter()
                .filter(|document| document.get("annotations").is_some())
                .collect();
            assert_eq!(annotated.len(), usize::from(annotations), "{documents:?}");
            if let [document] = annotated.as_slice() {
                assert_eq!(document["name"], name);
                assert_eq!(document["annotations"], expected);
            }
        }
    }
}

#[test]
fn a_timeout_is_one_fault_with_lambdas_error_type() {
    // Lambda's own telemetry has no error type after a timeout.
    for error_type in ["", r#""errorType":"Sandbox.Timedout","#] {
        let failed = format!(r#""status":"timeout",{error_type}"metrics":{{"durationMs":3000.0}}"#);
        let documents = record(
            &mut recorder(),
            &[
                start("00.130", &tracing()),
                done("03.130", &failed),
                report("03.140", &failed),
            ],
        );
        assert_eq!(names(&documents), ["Runtime done"]);
        assert_eq!(documents[0]["fault"], true);
        let exception = &documents[0]["cause"]["exceptions"][0];
        assert_eq!(exception["type"], "Sandbox.Timedout");
        assert_eq!(exception["message"], "Task timed out after 3.00 seconds");
    }
}

#[test]
fn a_timeout_ends_at_the_deadline() {
    // Lambda's segment lasts exactly the timeout; stopping the runtime took 2.4 ms more.
    let failed = r#""status":"timeout","metrics":{"durationMs":3002.4}"#;
    for mut recorder in [recorder(), recorder_of_segments()] {
        let invoke = Invoke {
            deadline_ms: (at("03.130").as_micros() / 1_000) as u64,
            ..invoke(UNDECIDED)
        };
        recorder.record_invoke(&invoke, at("00.130900"));
        let tracing = match recorder.settings.function_segment {
            Some(_) => String::new(),
            None => tracing(),
        };
        let documents = record(
            &mut recorder,
            &[start("00.130", &tracing), done("03.133", failed)],
        );
        let [document] = documents.as_slice() else {
            panic!("{documents:?}")
        };
        assert_eq!(times(document), (130_900, 3_130_000));
        let exception = &document["cause"]["exceptions"][0];
        assert_eq!(exception["message"], "Task timed out after 3.00 seconds");
    }
}

#[test]
fn a_crash_is_one_fault_of_our_function_segment() {
    let mut recorder = recorder_of_segments();
    record_invoke(&mut recorder, UNDECIDED, "00.130900");
    let failed =
        r#""status":"error","errorType":"Runtime.OutOfMemory","metrics":{"durationMs":40}"#;
    let documents = record(
        &mut recorder,
        &[
            start("00.130", ""),
            done("00.171", failed),
            report("00.172", failed),
        ],
    );
    assert_eq!(names(&documents), ["orders"]);
    assert_eq!(documents[0]["fault"], true);
    let exception = &documents[0]["cause"]["exceptions"][0];
    assert_eq!(exception["type"], "Runtime.OutOfMemory");
}

#[test]
fn an_error_that_the_function_reported_is_one_fault_without_an_invented_type() {
    for error_type in [
        "",
        r#","errorType":"Runtime.Unknown""#,
        r#","errorType":"Function.Unknown""#,
    ] {
        let failed = format!(r#""status":"error"{error_type},"metrics":{{"durationMs":40}}"#);
        // Lambda's segment and the handler's subsegment have the error already.
        let events = [done("00.171", &failed), report("00.172", &failed)];
        let traced = [&[start("00.130", &tracing())], events.as_slice()].concat();
        assert_eq!(names(&record(&mut recorder(), &traced)), [] as [&str; 0]);

        let mut recorder = recorder_of_segments();
        record_invoke(&mut recorder, UNDECIDED, "00.130900");
        let untraced = [&[start("00.130", "")], events.as_slice()].concat();
        let documents = record(&mut recorder, &untraced);
        assert_eq!(names(&documents), ["orders"]);
        assert_eq!(documents[0]["fault"], true);
        assert_eq!(documents[0].get("cause"), None);
    }
}

#[test]
fn an_open_document_is_completed_if_the_function_crashed_and_forgotten_if_not() {
    let open = |id: u64| {
        let id = id.to_string();
        let json = format!(
            r#"{{"id":"{id:0>16}","name":"work","trace_id":"{ROOT}","parent_id":"{SPAN}","type":"subsegment","start_time":{},"in_progress":true}}"#,
            at("00.140").as_seconds()
        );
        RawDocument::new(
            ROOT.parse().ok(),
            format!("{id:0>16}").parse().unwrap(),
            true,
            json,
        )
    };
    let mut recorder = recorder();
    recorder.observe(&open(1));
    recorder.observe(&open(2));
    let complete = RawDocument::new(ROOT.parse().ok(), open(1).id, false, "{}");
    recorder.observe(&complete);
    let failed = r#""status":"error","errorType":"Runtime.ExitError","metrics":{"durationMs":40}"#;
    let recorded = all(
        &mut recorder,
        &[
            start("00.130", &tracing()),
            done("00.171", failed),
            report("00.172", failed),
        ],
    );
    let completed: Vec<_> = recorded.iter().flat_map(|event| &event.completed).collect();
    let [completed] = completed.as_slice() else {
        panic!("{completed:?}")
    };
    let json: Value = serde_json::from_str(&completed.json).unwrap();
    assert_eq!(json["id"], "0000000000000002");
    assert_eq!((&json["fault"], times(&json).1), (&json!(true), 170_000));
    assert_eq!(json["cause"]["exceptions"][0]["type"], "Runtime.ExitError");

    let second = |event: String| event.replace("r-1", "r-2").replace("09:00:00", "09:00:20");
    recorder.observe(&open(3));
    let ended = all(
        &mut recorder,
        &[
            second(start("00.130", &tracing())),
            second(done("00.171", r#""status":"success""#)),
            second(report("00.172", failed)),
        ],
    );
    assert!(ended.iter().all(|event| event.completed.is_empty()));
}

#[test]
fn an_invocation_whose_start_was_dropped_has_its_outcome_and_completes_its_documents() {
    let mut recorder = recorder();
    record_invoke(&mut recorder, UNDECIDED, "00.131");
    recorder.observe(&RawDocument::new(
        ROOT.parse().ok(),
        SPAN.parse().unwrap(),
        true,
        r#"{"name":"work","start_time":1768035600.2,"in_progress":true}"#,
    ));
    let failed = r#""status":"error","errorType":"Runtime.ExitError","metrics":{"durationMs":400}"#;
    let events = [done("00.531", failed), report("00.532", failed)];
    let [first, second] = all(&mut recorder, &events).try_into().unwrap();
    assert_eq!((first.outcome, first.completed.len()), (None, 0));
    assert!(second.outcome.is_some_and(|outcome| outcome.fault));
    let completed: Value = serde_json::from_str(&second.completed[0].json).unwrap();
    assert_eq!(times(&completed).1, 532_000);

    // A late start still has its fault.
    let late = all(&mut recorder, &[start("00.131", &tracing())]);
    assert_eq!(late[0].outcome, None);
    let documents: Vec<Value> = late.into_iter().flat_map(values).collect();
    assert_eq!(names(&documents), ["Runtime done"]);
}

#[test]
fn an_untraced_invocation_records_nothing() {
    let mut events = init_events().to_vec();
    events.extend([start("00.130", ""), done("00.171", r#""status":"error""#)]);
    assert_eq!(names(&record(&mut recorder(), &events)), [] as [&str; 0]);
}

#[test]
fn spans_are_not_lost_if_the_runtime_is_done_before_invoke_arrives() {
    let done = done(
        "00.171",
        r#""status":"success","metrics":{"durationMs":40.2},"spans":[{"name":"responseLatency","start":"2026-01-10T09:00:00.130Z","durationMs":39.8}]"#,
    );
    let last = report(
        "00.172",
        r#""status":"success","metrics":{"durationMs":40.3}"#,
    );
    for events in [
        vec![start("00.130", ""), done.clone()],
        vec![start("00.130", ""), done, last],
    ] {
        let mut recorder = recorder_of_segments();
        assert_eq!(names(&record(&mut recorder, &events)), [] as [&str; 0]);
        let documents = record_invoke(&mut recorder, UNDECIDED, "00.200");
        assert_eq!(names(&documents), ["Response latency", "orders"]);
        assert_eq!(documents[0]["parent_id"], documents[1]["id"]);
    }
}

#[test]
fn of_undecided_invocations_the_first_of_a_second_and_a_share_are_recorded() {
    let recorded = |sampling: SamplingRule| {
        let mut recorder = PlatformRecorder::new(PlatformSettings {
            function_segment: Some("orders".to_owned()),
            sampling,
            ..PlatformSettings::default()
        });
        let mut segments = 0;
        for n in 0..10 {
            let request = |text: String| text.replace("r-1", &format!("r-{n}"));
            let mut invoke = invoke(UNDECIDED);
            invoke.request_id = format!("r-{n}");
            recorder.record_invoke(&invoke, at(&format!("00.{n}00")));
            let is_announced = recorder.records_function_segment(&invoke.request_id);
            let events = [
                request(start(&format!("00.{n}00"), "")),
                request(done(&format!("00.{n}50"), r#""status":"success""#)),
            ];
            let documents = record(&mut recorder, &events);
            assert_eq!(documents.len(), usize::from(is_announced));
            segments += documents.len();
        }
        segments
    };
    let rule = |fixed_rate, reservoir_size| SamplingRule {
        fixed_rate,
        reservoir_size,
    };
    assert_eq!(recorded(rule(0.0, 1)), 1);
    assert_eq!(recorded(rule(0.0, 3)), 3);
    assert_eq!(recorded(rule(1.0, 0)), 10);
}

#[test]
fn our_function_segment_follows_a_decision_in_the_header() {
    for (sampled, expected) in [("Sampled=0", vec![]), ("Sampled=1", vec!["orders"])] {
        let mut recorder = PlatformRecorder::new(PlatformSettings {
            function_segment: Some("orders".to_owned()),
            sampling: SamplingRule {
                fixed_rate: 0.0,
                reservoir_size: 0,
            },
            ..PlatformSettings::default()
        });
        record_invoke(&mut recorder, &format!("Root={ROOT};{sampled}"), "00.131");
        let documents = record(
            &mut recorder,
            &[start("00.130", ""), done("00.171", r#""status":"error""#)],
        );
        assert_eq!(names(&documents), expected);
    }
}

/// Events of Managed Instances without active tracing: the header is the caller's.
fn managed_events() -> Vec<String> {
    let traced = format!(
        r#","functionArn":"arn:aws:lambda:eu-west-1:123456789012:function:orders","tracing":{{"type":"X-Amzn-Trace-Id","value":"Root={ROOT};Parent={CALLER};Sampled=1"}}"#
    );
    let managed = |kind: &str, second: &str| {
        init(kind, second).replace("on-demand", "lambda-managed-instances")
    };
    vec![
        managed("initStart", "33.000"),
        managed("initRuntimeDone", "33.072"),
        managed("initReport", "33.072"),
        start("35.991", &traced),
        event("35.991", "start", r#""requestId":"r-2""#),
        report(
            "36.043",
            r#""status":"error","errorType":"Function.Unknown","metrics":{"durationMs":52.1},"spans":[{"name":"responseLatency","start":"2026-01-10T09:00:35.991Z","durationMs":51.9}]"#,
        ),
        event(
            "36.044",
            "report",
            r#""requestId":"r-2","status":"error","metrics":{"durationMs":52.1}"#,
        ),
    ]
}

#[test]
fn without_a_span_id_nothing_is_recorded_under_the_caller() {
    let mut recorder = PlatformRecorder::new(PlatformSettings {
        managed_instances: true,
        ..PlatformSettings::default()
    });
    let documents = record(&mut recorder, &managed_events());
    assert_eq!(names(&documents), [] as [&str; 0]);
    assert!(recorder.invocations.is_empty());
}

#[test]
fn without_a_span_id_our_function_segment_is_recorded_if_asked_for() {
    let mut recorder = PlatformRecorder::new(PlatformSettings {
        function_segment: Some("orders".to_owned()),
        managed_instances: true,
        ..PlatformSettings::default()
    });
    let documents = record(&mut recorder, &managed_events());
    assert_eq!(names(&documents), ["Response latency", "orders"]);
    let (latency, segment) = (&documents[0], &documents[1]);
    assert_eq!(latency["parent_id"], segment["id"]);
    assert_eq!(segment["parent_id"], CALLER);
    assert_eq!(segment["aws"]["account_id"], "123456789012");
    assert_eq!(segment["fault"], true);
    assert_eq!(milliseconds(latency), 51.9);
    assert!(recorder.invocations.is_empty());
}

#[test]
fn with_a_span_id_managed_instances_are_recorded_under_lambdas_segment() {
    let mut recorder = PlatformRecorder::new(PlatformSettings {
        managed_instances: true,
        ..PlatformSettings::default()
    });
    let events: Vec<String> = managed_events()
        .iter()
        .map(|event| {
            event.replace(
                r#""tracing":{"#,
                &format!(r#""tracing":{{"spanId":"{SPAN}","#),
            )
        })
        .collect();
    let documents = record(&mut recorder, &events);
    assert_eq!(names(&documents), ["Response latency"]);
    assert_eq!(documents[0]["parent_id"], SPAN);
}

#[test]
fn a_batch_that_lambda_sends_again_is_not_recorded_again() {
    let spans = r#""status":"success","metrics":{"durationMs":40.2},"spans":[{"name":"responseLatency","start":"2026-01-10T09:00:00.130Z","durationMs":39.8}]"#;
    let mut events = init_events().to_vec();
    events.extend([
        start("00.130", ""),
        done("00.171", spans),
        report("00.172", r#""status":"success""#),
    ]);
    let mut recorder = recorder_of_segments();
    record_invoke(&mut recorder, UNDECIDED, "00.130900");
    let documents = record(&mut recorder, &events);
    assert_eq!(names(&documents), ["Init", "Response latency", "orders"]);
    assert_eq!(names(&record(&mut recorder, &events)), [] as [&str; 0]);

    // A retry has the same request id and is not a repetition.
    let retry: Vec<String> = events[3..]
        .iter()
        .map(|event| event.replace("09:00:00", "09:00:30"))
        .collect();
    record_invoke(&mut recorder, UNDECIDED, "30.130900");
    let documents = record(&mut recorder, &retry);
    assert_eq!(names(&documents), ["Response latency", "orders"]);
}

#[test]
fn the_number_of_invocations_without_a_report_is_bounded() {
    for (managed_instances, max) in [
        (true, MAX_CONCURRENT_INVOCATIONS),
        (false, MAX_SEQUENTIAL_INVOCATIONS),
    ] {
        let mut recorder = PlatformRecorder::new(PlatformSettings {
            managed_instances,
            ..PlatformSettings::default()
        });
        for n in 0..2 * max {
            record(
                &mut recorder,
                &[event("35.991", "start", &format!(r#""requestId":"r-{n}""#))],
            );
        }
        assert_eq!(recorder.invocations.len(), max);
    }
}

#[test]
fn an_invocation_has_one_outcome_also_if_it_records_no_document() {
    let mut recorder = recorder();
    record_invoke(&mut recorder, UNDECIDED, "00.131");
    let [first, second, third] = init_events();
    let events = [
        first,
        second,
        third,
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
    let outcomes: Vec<_> = all(&mut recorder, &events)
        .into_iter()
        .filter_map(|recorded| recorded.outcome)
        .collect();
    assert_eq!(
        outcomes,
        [InvocationOutcome {
            trace_id: ROOT.parse().unwrap(),
            is_sampled: false,
            fault: true,
            duration: Some(Duration::from_micros(40_250)),
            cold_start: true,
        }]
    );
}

#[test]
fn a_function_segment_is_announced_only_if_configured_and_not_excluded_by_the_header() {
    let announced = |mut recorder: PlatformRecorder, header: &str| {
        record_invoke(&mut recorder, header, "00.131");
        recorder.records_function_segment("r-1")
    };
    assert!(announced(recorder_of_segments(), UNDECIDED));
    assert!(!announced(recorder(), UNDECIDED));
    let unsampled = format!("Root={ROOT};Sampled=0");
    assert!(!announced(recorder_of_segments(), &unsampled));
    assert!(!announced(recorder_of_segments(), ""));
}
