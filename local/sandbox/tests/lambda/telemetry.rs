use serde_json::{Value, json};

use crate::desk::{Desk, until};

fn position(events: &[Value], kind: &str) -> usize {
    events
        .iter()
        .position(|event| event["type"] == kind)
        .unwrap_or_else(|| panic!("no {kind} in {events:#?}"))
}

#[tokio::test]
async fn a_subscriber_gets_the_whole_story_in_order() {
    let desk = Desk::new();
    desk.sandbox
        .add_function(desk.function_with_extension(json!({"telemetry": "HTTP"})));
    let outcome = desk.outcome(json!({"do": "log", "lines": 2})).await;
    desk.reported(1).await;
    desk.sandbox.shutdown().await;

    assert_eq!(
        desk.notes("subscribe")[0],
        json!({"status": 200, "body": "OK"})
    );
    let broken = &desk.notes("broken")[0];
    assert_eq!(
        (&broken["status"], &broken["body"]["errorType"]),
        (&400.into(), &"ValidationError".into())
    );

    let events = desk.notes("telemetry");
    let story = [
        "platform.initStart",
        "platform.telemetrySubscription",
        "platform.initReport",
        "platform.start",
        "platform.runtimeDone",
        "platform.report",
    ];
    let positions: Vec<_> = story.iter().map(|kind| position(&events, kind)).collect();
    assert!(positions.is_sorted(), "{events:#?}");
    for kind in ["platform.initRuntimeDone", "platform.extension"] {
        assert!(position(&events, kind) < position(&events, "platform.initReport"));
    }
    let lines: Vec<_> = events
        .iter()
        .filter(|e| e["type"] == "function")
        .map(|e| &e["record"])
        .collect();
    assert_eq!(
        lines[lines.len() - 2..],
        [&json!("line 0"), &json!("line 1")]
    );

    let record = |kind: &str| &events[position(&events, kind)]["record"];
    let start = record("platform.start");
    assert_eq!(start["requestId"], outcome.request_id);
    assert_eq!(start["version"], "$LATEST");
    let function = desk.drawn("AWS::Lambda::Function", 1).await[0].clone();
    let service = desk.drawn("AWS::Lambda", 1).await[0].clone();
    assert_eq!(start["tracing"]["spanId"], function["id"]);
    let value = start["tracing"]["value"].as_str().unwrap();
    assert!(
        value.contains(&format!(
            "Parent={};Sampled=1",
            service["id"].as_str().unwrap()
        )),
        "{value}"
    );

    let done = record("platform.runtimeDone");
    assert_eq!(done["status"], "success");
    assert_eq!(done["metrics"]["producedBytes"], outcome.payload.len());
    let names: Vec<_> = done["spans"]
        .as_array()
        .unwrap()
        .iter()
        .map(|span| &span["name"])
        .collect();
    assert_eq!(
        names,
        ["responseLatency", "responseDuration", "runtimeOverhead"]
    );

    let report = record("platform.report");
    assert_eq!(report["spans"][0]["name"], "extensionOverhead");
    let metrics = &report["metrics"];
    let (duration, init) = (
        metrics["durationMs"].as_f64().unwrap(),
        metrics["initDurationMs"].as_f64().unwrap(),
    );
    assert_eq!(
        metrics["billedDurationMs"].as_f64().unwrap(),
        (duration + init).ceil()
    );
    assert_eq!(metrics["memorySizeMB"], 128);
    assert!(metrics["maxMemoryUsedMB"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn runtime_done_comes_while_an_extension_still_holds_the_invocation() {
    let desk = Desk::new();
    desk.sandbox
        .add_function(desk.function_with_extension(json!({"telemetry": "HTTP", "slow": 5})));
    desk.echo().await;
    desk.telemetry("platform.runtimeDone").await;
    assert!(desk.notes("done").is_empty());
    desk.sandbox.shutdown().await;
}

#[tokio::test]
async fn the_report_of_one_request_comes_with_the_next() {
    let desk = Desk::new();
    desk.sandbox
        .add_function(desk.function_with_extension(json!({"telemetry": "HTTP", "slow": 0.2})));
    let first = desk.outcome(json!({})).await;
    desk.reported(1).await;
    let reports = |desk: &Desk| -> Vec<Value> {
        let events = desk.notes("telemetry");
        events
            .into_iter()
            .filter(|event| event["type"] == "platform.report")
            .collect()
    };
    assert!(reports(&desk).is_empty());
    desk.echo().await;
    let report = until("the report", || reports(&desk).into_iter().next()).await;
    assert_eq!(report["record"]["requestId"], first.request_id);
    desk.sandbox.shutdown().await;
    assert_eq!(reports(&desk).len(), 2);
}

#[tokio::test]
async fn what_was_refused_is_sent_again() {
    let desk = Desk::new();
    desk.sandbox.add_function(
        desk.function_with_extension(json!({"telemetry": "HTTP", "refuse": 2, "slow": 1})),
    );
    desk.echo().await;
    desk.telemetry("platform.initStart").await;
    desk.sandbox.shutdown().await;
    let starts = desk
        .notes("telemetry")
        .into_iter()
        .filter(|e| e["type"] == "platform.initStart")
        .count();
    assert_eq!(starts, 1);
}

#[tokio::test]
async fn a_tcp_listener_gets_lines() {
    let desk = Desk::new();
    desk.sandbox
        .add_function(desk.function_with_extension(json!({"telemetry": "TCP", "slow": 1})));
    let outcome = desk.outcome(json!({})).await;
    let start = desk.telemetry("platform.start").await;
    assert_eq!(start["record"]["requestId"], outcome.request_id);
    desk.sandbox.shutdown().await;
}

#[tokio::test]
async fn after_init_nobody_can_subscribe() {
    let desk = Desk::new();
    desk.sandbox
        .add_function(desk.function_with_extension(json!({"telemetry": "HTTP", "late": true})));
    desk.echo().await;
    let late = until("the late try", || desk.notes("late").into_iter().next()).await;
    assert_eq!(
        (&late["status"], &late["body"]["errorType"]),
        (&403.into(), &"Telemetry.SubscriptionClosed".into())
    );
    desk.sandbox.shutdown().await;
}

#[tokio::test]
async fn a_timeout_and_a_crash_are_told_before_the_shutdown() {
    for (event, status, error_type) in [
        (
            json!({"do": "sleep", "seconds": 600}),
            "timeout",
            "Sandbox.Timedout",
        ),
        (
            json!({"do": "exit", "status": 1}),
            "failure",
            "Runtime.ExitError",
        ),
    ] {
        let desk = Desk::new();
        let mut function =
            desk.function_with_extension(json!({"telemetry": "HTTP", "linger": 0.5}));
        function.timeout = std::time::Duration::from_secs(3);
        desk.sandbox.add_function(function);
        desk.outcome(event).await;
        for kind in ["platform.runtimeDone", "platform.report"] {
            let event = desk.telemetry(kind).await;
            assert_eq!(
                (&event["record"]["status"], &event["record"]["errorType"]),
                (&status.into(), &error_type.into())
            );
        }
        desk.sandbox.shutdown().await;
    }
}

#[tokio::test]
async fn an_unsampled_request_has_no_tracing_in_its_events() {
    let desk = Desk::new();
    desk.sandbox
        .add_function(desk.function_with_extension(json!({"telemetry": "HTTP", "slow": 1})));
    let header =
        xray_document::TraceHeader::parse("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0");
    let invocation = xray_local_sandbox::Invocation {
        payload: "{}".into(),
        trace_header: Some(header),
        ..xray_local_sandbox::Invocation::default()
    };
    desk.sandbox.invoke("orders", invocation).await.unwrap();
    let start = desk.telemetry("platform.start").await;
    assert!(start["record"].get("tracing").is_none(), "{start}");
    desk.sandbox.shutdown().await;
    assert!(desk.segments().is_empty());
}
