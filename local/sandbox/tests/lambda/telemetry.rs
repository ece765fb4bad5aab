use serde_json::{Value, json};

use crate::harness::{TestLambda, until};

fn position(events: &[Value], kind: &str) -> usize {
    events
        .iter()
        .position(|event| event["type"] == kind)
        .unwrap_or_else(|| panic!("no {kind} in {events:#?}"))
}

#[tokio::test]
async fn a_subscriber_receives_every_event_in_order() {
    let lambda = TestLambda::new();
    lambda
        .sandbox
        .add_function(lambda.function_with_extension(json!({"telemetry": "HTTP"})));
    lambda.outcome(json!({"do": "log", "lines": 2})).await;
    lambda.wait_for_reports(1).await;
    lambda.sandbox.shutdown().await;

    assert_eq!(
        lambda.notes("subscribe")[0],
        json!({"status": 200, "body": "OK"})
    );
    let broken = &lambda.notes("broken")[0];
    assert_eq!(
        (&broken["status"], &broken["body"]["errorType"]),
        (&400.into(), &"ValidationError".into())
    );

    let events = lambda.notes("telemetry");
    let order = [
        "platform.initStart",
        "platform.telemetrySubscription",
        "platform.initReport",
        "platform.start",
        "platform.runtimeDone",
        "platform.report",
    ];
    let positions: Vec<_> = order.iter().map(|kind| position(&events, kind)).collect();
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
}

#[tokio::test]
async fn the_events_of_an_invocation_have_its_facts() {
    let lambda = TestLambda::new();
    lambda
        .sandbox
        .add_function(lambda.function_with_extension(json!({"telemetry": "HTTP"})));
    let outcome = lambda.outcome(json!({})).await;
    lambda.wait_for_reports(1).await;
    lambda.sandbox.shutdown().await;

    let events = lambda.notes("telemetry");
    let record = |kind: &str| &events[position(&events, kind)]["record"];
    let start = record("platform.start");
    assert_eq!(start["requestId"], outcome.request_id);
    assert_eq!(start["version"], "$LATEST");
    let function = lambda.segments_of("AWS::Lambda::Function", 1).await[0].clone();
    let service = lambda.segments_of("AWS::Lambda", 1).await[0].clone();
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
    let lambda = TestLambda::new();
    lambda
        .sandbox
        .add_function(lambda.function_with_extension(json!({"telemetry": "HTTP", "slow": 5})));
    lambda.echo().await;
    lambda.telemetry("platform.runtimeDone").await;
    assert!(lambda.notes("done").is_empty());
    lambda.sandbox.shutdown().await;
}

#[tokio::test]
async fn the_report_of_a_request_arrives_with_the_next_request() {
    let lambda = TestLambda::new();
    lambda
        .sandbox
        .add_function(lambda.function_with_extension(json!({"telemetry": "HTTP", "slow": 0.2})));
    let first = lambda.outcome(json!({})).await;
    lambda.wait_for_reports(1).await;
    let reports = |lambda: &TestLambda| -> Vec<Value> {
        let events = lambda.notes("telemetry");
        events
            .into_iter()
            .filter(|event| event["type"] == "platform.report")
            .collect()
    };
    assert!(reports(&lambda).is_empty());
    lambda.echo().await;
    let report = until("the report", || reports(&lambda).into_iter().next()).await;
    assert_eq!(report["record"]["requestId"], first.request_id);
    lambda.sandbox.shutdown().await;
    assert_eq!(reports(&lambda).len(), 2);
}

#[tokio::test]
async fn a_rejected_batch_is_sent_again() {
    let lambda = TestLambda::new();
    lambda.sandbox.add_function(
        lambda.function_with_extension(json!({"telemetry": "HTTP", "reject": 2, "slow": 1})),
    );
    lambda.echo().await;
    lambda.telemetry("platform.initStart").await;
    lambda.sandbox.shutdown().await;
    let starts = lambda
        .notes("telemetry")
        .into_iter()
        .filter(|e| e["type"] == "platform.initStart")
        .count();
    assert_eq!(starts, 1);
}

#[tokio::test]
async fn a_tcp_listener_receives_lines() {
    let lambda = TestLambda::new();
    lambda
        .sandbox
        .add_function(lambda.function_with_extension(json!({"telemetry": "TCP", "slow": 1})));
    let outcome = lambda.outcome(json!({})).await;
    let start = lambda.telemetry("platform.start").await;
    assert_eq!(start["record"]["requestId"], outcome.request_id);
    lambda.sandbox.shutdown().await;
}

#[tokio::test]
async fn extensions_cannot_subscribe_after_init() {
    let lambda = TestLambda::new();
    lambda
        .sandbox
        .add_function(lambda.function_with_extension(json!({"telemetry": "HTTP", "late": true})));
    lambda.echo().await;
    let late = until("the late try", || lambda.notes("late").into_iter().next()).await;
    assert_eq!(
        (&late["status"], &late["body"]["errorType"]),
        (&403.into(), &"Telemetry.SubscriptionClosed".into())
    );
    lambda.sandbox.shutdown().await;
}

#[tokio::test]
async fn a_timeout_and_a_crash_are_reported_before_the_shutdown() {
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
        let lambda = TestLambda::new();
        let mut function =
            lambda.function_with_extension(json!({"telemetry": "HTTP", "linger": 0.5}));
        function.timeout = std::time::Duration::from_secs(3);
        lambda.sandbox.add_function(function);
        lambda.outcome(event).await;
        for kind in ["platform.runtimeDone", "platform.report"] {
            let event = lambda.telemetry(kind).await;
            assert_eq!(
                (&event["record"]["status"], &event["record"]["errorType"]),
                (&status.into(), &error_type.into())
            );
        }
        lambda.sandbox.shutdown().await;
    }
}

#[tokio::test]
async fn an_unsampled_request_has_no_tracing_in_its_events() {
    let lambda = TestLambda::new();
    lambda
        .sandbox
        .add_function(lambda.function_with_extension(json!({"telemetry": "HTTP", "slow": 1})));
    let header =
        xray_document::TraceHeader::parse("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0");
    let invocation = xray_local_sandbox::Invocation {
        payload: "{}".into(),
        trace_header: Some(header),
        ..xray_local_sandbox::Invocation::default()
    };
    lambda.sandbox.invoke("orders", invocation).await.unwrap();
    let start = lambda.telemetry("platform.start").await;
    assert!(start["record"].get("tracing").is_none(), "{start}");
    lambda.sandbox.shutdown().await;
    assert!(lambda.finished_segments().is_empty());
}
