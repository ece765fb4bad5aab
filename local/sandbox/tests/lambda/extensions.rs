use std::time::{Duration, Instant};

use serde_json::{Value, json};
use xray_local_sandbox::LogSource;

use crate::harness::{TestLambda, process_state, until};

fn events(lambda: &TestLambda) -> Vec<Value> {
    lambda.notes("event")
}

#[tokio::test]
async fn an_extension_receives_every_invoke_and_the_shutdown() {
    let lambda = TestLambda::new();
    lambda
        .sandbox
        .add_function(lambda.function_with_extension(json!({})));
    let outcome = lambda.outcome(json!({})).await;
    lambda.echo().await;
    lambda.sandbox.shutdown().await;
    let events = events(&lambda);
    let kinds: Vec<_> = events
        .iter()
        .map(|event| event["eventType"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["INVOKE", "INVOKE", "SHUTDOWN"]);
    assert_eq!(events[0]["requestId"], outcome.request_id);
    assert_eq!(
        events[0]["tracing"],
        json!({"type": "X-Amzn-Trace-Id", "value": outcome.trace_header.to_string()})
    );
    assert_eq!(
        events[0]["invokedFunctionArn"],
        "arn:aws:lambda:eu-west-1:123456789012:function:orders"
    );
    assert_eq!(events[2]["shutdownReason"], "SPINDOWN");
    assert_eq!(lambda.notes("end").len(), 1);
    assert!(lambda.lines(LogSource::Extension)[0].starts_with("extension pid "));
    assert_eq!(
        lambda.platform_line("EXTENSION").unwrap(),
        "EXTENSION\tName: watcher\tState: Ready\tEvents: [INVOKE,SHUTDOWN]"
    );
}

#[tokio::test]
async fn register_returns_the_function_and_its_account() {
    let lambda = TestLambda::new();
    lambda
        .sandbox
        .add_function(lambda.function_with_extension(json!({})));
    let response = lambda.echo().await;
    let register = &lambda.notes("register")[0];
    assert_eq!(
        register["body"],
        json!({"functionName": "orders", "functionVersion": "$LATEST", "handler": "app.handler", "accountId": "123456789012"})
    );
    let env = &register["env"];
    for absent in [
        "_HANDLER",
        "LAMBDA_TASK_ROOT",
        "AWS_XRAY_CONTEXT_MISSING",
        "_AWS_XRAY_DAEMON_PORT",
        "AWS_LAMBDA_LOG_GROUP_NAME",
    ] {
        assert!(env.get(absent).is_none(), "{absent}");
    }
    assert_eq!(
        env["AWS_LAMBDA_RUNTIME_API"],
        response["env"]["AWS_LAMBDA_RUNTIME_API"]
    );
    let daemon = env["AWS_XRAY_DAEMON_ADDRESS"].as_str().unwrap();
    assert!(
        daemon.starts_with("127.0.0.1:") && daemon != "127.0.0.1:2000",
        "{daemon}"
    );
    assert_eq!(response["env"]["AWS_XRAY_DAEMON_ADDRESS"], daemon);
    lambda.sandbox.shutdown().await;
}

#[tokio::test]
async fn the_caller_does_not_wait_for_extensions() {
    let lambda = TestLambda::new();
    lambda
        .sandbox
        .add_function(lambda.function_with_extension(json!({"slow": 5})));
    lambda.echo().await;
    assert!(lambda.notes("done").is_empty());
    lambda.sandbox.shutdown().await;
}

#[tokio::test]
async fn an_environment_receives_no_request_before_its_extensions_are_done() {
    let lambda = TestLambda::new();
    lambda
        .sandbox
        .add_function(lambda.function_with_extension(json!({"slow": 0.2})));
    let first = lambda.echo().await;
    let second = lambda.echo().await;
    assert_eq!(first["pid"], second["pid"]);
    assert!(!lambda.notes("done").is_empty());
    lambda.sandbox.shutdown().await;
}

#[tokio::test]
async fn an_extension_that_outlasts_the_timeout_ends_the_environment_but_not_the_response() {
    let lambda = TestLambda::new();
    let mut function = lambda.function_with_extension(json!({"slow": 600}));
    function.timeout = Duration::from_secs(3);
    lambda.sandbox.add_function(function);
    let response = lambda.echo().await;
    lambda.wait_for_reports(1).await;
    assert!(
        lambda
            .platform_line("REPORT")
            .unwrap()
            .ends_with("Status: timeout\t")
    );
    until("the end of the process", || {
        process_state(response["pid"].as_i64().unwrap())
            .is_none()
            .then_some(())
    })
    .await;
    lambda.sandbox.shutdown().await;
}

#[tokio::test]
async fn extensions_receive_timeout_and_failure_as_shutdown_reasons() {
    for (event, reason) in [
        (json!({"do": "sleep", "seconds": 600}), "TIMEOUT"),
        (json!({"do": "exit", "status": 1}), "FAILURE"),
    ] {
        let lambda = TestLambda::new();
        let mut function = lambda.function_with_extension(json!({}));
        function.timeout = Duration::from_secs(3);
        lambda.sandbox.add_function(function);
        lambda.outcome(event).await;
        let last = until("SHUTDOWN", || {
            events(&lambda)
                .into_iter()
                .find(|e| e["eventType"] == "SHUTDOWN")
        })
        .await;
        assert_eq!(last["shutdownReason"], reason);
        lambda.sandbox.shutdown().await;
    }
}

#[tokio::test]
async fn an_extension_has_two_seconds_to_end() {
    let lambda = TestLambda::new();
    lambda
        .sandbox
        .add_function(lambda.function_with_extension(json!({"linger": 1})));
    lambda.echo().await;
    lambda.sandbox.shutdown().await;
    assert_eq!(lambda.notes("end").len(), 1);

    let lambda = TestLambda::new();
    lambda
        .sandbox
        .add_function(lambda.function_with_extension(json!({"ignores-shutdown": true})));
    lambda.echo().await;
    lambda.wait_for_reports(1).await;
    let begin = Instant::now();
    lambda.sandbox.shutdown().await;
    assert!(
        begin.elapsed() >= Duration::from_millis(1900),
        "{:?}",
        begin.elapsed()
    );
    assert_eq!(process_state(lambda.note_pid()), None);
}

#[tokio::test]
async fn an_extension_without_shutdown_is_killed() {
    let lambda = TestLambda::new();
    lambda
        .sandbox
        .add_function(lambda.function_with_extension(json!({"events": ["INVOKE"]})));
    lambda.echo().await;
    lambda.sandbox.shutdown().await;
    assert_eq!(process_state(lambda.note_pid()), None);
    assert!(
        events(&lambda)
            .iter()
            .all(|event| event["eventType"] == "INVOKE")
    );
}

#[tokio::test]
async fn an_extension_that_fails_fails_the_request() {
    for (when, error_type) in [
        ("init", "Extension.Crash"),
        ("init-error", "Extension.InitError"),
        ("invoke", "Extension.Crash"),
    ] {
        let lambda = TestLambda::new();
        lambda
            .sandbox
            .add_function(lambda.function_with_extension(json!({"exit": when})));
        // Longer than the extension lives.
        let outcome = lambda.outcome(json!({"do": "sleep", "seconds": 20})).await;
        let error: Value = serde_json::from_slice(&outcome.payload).unwrap();
        assert_eq!(error["errorType"], error_type, "{when}: {error}");
        lambda.sandbox.shutdown().await;
    }
}
