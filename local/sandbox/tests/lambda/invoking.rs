use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::json;
use xray_document::TraceHeader;
use xray_local_sandbox::{FunctionError, Invocation, InvokeError, LogSource, SandboxConfig};

use crate::harness::{TestLambda, until};

#[tokio::test]
async fn the_runtime_receives_the_request_and_the_caller_its_response() {
    let lambda = TestLambda::new();
    lambda.sandbox.add_function(lambda.function());
    let response = lambda.invoke(json!({"hello": "Jörg"})).await;
    assert_eq!(response["event"], json!({"hello": "Jörg"}));
    let headers = &response["headers"];
    assert_eq!(
        headers["lambda-runtime-invoked-function-arn"],
        "arn:aws:lambda:eu-west-1:123456789012:function:orders"
    );
    assert!(
        headers["lambda-runtime-trace-id"]
            .as_str()
            .unwrap()
            .starts_with("Root=1-")
    );
    let deadline: i64 = headers["lambda-runtime-deadline-ms"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_millis();
    assert!(
        (0..=30_000).contains(&(deadline - i64::try_from(now).unwrap())),
        "{deadline}"
    );
    assert_eq!(
        response["cwd"],
        lambda.path("").display().to_string().trim_end_matches('/')
    );
    lambda.sandbox.shutdown().await;
}

#[tokio::test]
async fn an_environment_is_reused_and_only_the_first_request_is_cold() {
    let lambda = TestLambda::new();
    lambda.sandbox.add_function(lambda.function());
    let pids: Vec<_> = [
        lambda.echo().await,
        lambda.echo().await,
        lambda.echo().await,
    ]
    .into_iter()
    .map(|response| (response["pid"].clone(), response["calls"].clone()))
    .collect();
    assert_eq!(pids[0].0, pids[2].0);
    assert_eq!(pids[2].1, 3);
    lambda.wait_for_reports(3).await;
    let reports: Vec<_> = lambda
        .lines(LogSource::Platform)
        .into_iter()
        .filter(|line| line.starts_with("REPORT"))
        .collect();
    assert!(reports[0].contains("Init Duration: "), "{reports:?}");
    assert!(!reports[1].contains("Init Duration: "), "{reports:?}");
    assert!(lambda.platform_line("INIT_START").is_some());
    lambda.sandbox.shutdown().await;
}

#[tokio::test]
async fn two_concurrent_requests_have_two_environments() {
    let lambda = Arc::new(TestLambda::new());
    lambda.sandbox.add_function(lambda.function());
    let sleep = || lambda.invoke(json!({"do": "sleep", "seconds": 1}));
    let (one, two) = tokio::join!(sleep(), sleep());
    assert_ne!(one["pid"], two["pid"]);
    assert_ne!(
        one["env"]["AWS_LAMBDA_RUNTIME_API"],
        two["env"]["AWS_LAMBDA_RUNTIME_API"]
    );
    lambda.wait_for_reports(2).await;
    let third = lambda.echo().await;
    assert!([&one["pid"], &two["pid"]].contains(&&third["pid"]));
    lambda.sandbox.shutdown().await;
}

#[tokio::test]
async fn many_concurrent_requests_succeed_and_their_environments_are_reused() {
    let lambda = TestLambda::new();
    lambda.sandbox.add_function(lambda.function());
    let mut pids = BTreeSet::new();
    for round in 0..4 {
        let sleep = || lambda.invoke(json!({"do": "sleep", "seconds": 0.1}));
        let responses = tokio::join!(sleep(), sleep(), sleep(), sleep(), sleep(), sleep());
        let responses: [serde_json::Value; 6] = responses.into();
        pids.extend(
            responses
                .iter()
                .map(|response| response["pid"].as_i64().unwrap()),
        );
        lambda.wait_for_reports(6 * (round + 1)).await;
    }
    assert!(pids.len() <= 6, "{pids:?}");
    lambda.sandbox.shutdown().await;
}

#[tokio::test]
async fn more_requests_than_the_limit_are_throttled() {
    let lambda = TestLambda::with(SandboxConfig {
        max_concurrency: 1,
        ..SandboxConfig::default()
    });
    lambda.sandbox.add_function(lambda.function());
    let running = lambda.invoke(json!({"do": "sleep", "seconds": 2}));
    let second = async {
        until("START", || lambda.platform_line("START")).await;
        lambda.try_invoke(json!({})).await
    };
    let (_, second) = tokio::join!(running, second);
    assert!(
        matches!(second, Err(InvokeError::TooManyRequests(_))),
        "{second:?}"
    );
    let throttled = lambda.segments_of("AWS::Lambda", 1).await;
    assert_eq!(throttled[0]["http"]["response"]["status"], 429);
    lambda.sandbox.shutdown().await;
}

#[tokio::test]
async fn an_error_of_the_function_is_an_outcome() {
    let lambda = TestLambda::new();
    lambda.sandbox.add_function(lambda.function());
    let outcome = lambda.outcome(json!({"do": "error"})).await;
    assert_eq!(outcome.function_error, Some(FunctionError::Unhandled));
    let error: serde_json::Value = serde_json::from_slice(&outcome.payload).unwrap();
    assert_eq!(error["errorMessage"], "short and stout");
    let again = lambda.echo().await;
    assert_eq!(again["calls"], 2);
    lambda.sandbox.shutdown().await;
}

#[tokio::test]
async fn the_log_tail_has_every_line_before_the_response_in_order() {
    let lambda = TestLambda::new();
    lambda.sandbox.add_function(lambda.function());
    lambda.echo().await;
    let outcome = lambda.outcome(json!({"do": "log", "lines": 50})).await;
    let tail = String::from_utf8(outcome.log_tail).unwrap();
    let mut expected = format!("START RequestId: {} Version: $LATEST\n", outcome.request_id);
    (0..50).for_each(|n| expected += &format!("line {n}\n"));
    assert!(tail.starts_with(&expected), "{tail}");
    lambda.wait_for_reports(2).await;
    let all = lambda.lines(LogSource::Platform);
    let last = |prefix: &str| {
        all.iter()
            .rposition(|line| line.starts_with(prefix))
            .unwrap()
    };
    assert!(
        last("START") < last("END")
            && last("END") < last("REPORT")
            && last("REPORT") < last("XRAY")
    );
    lambda.sandbox.shutdown().await;
}

#[tokio::test]
async fn a_response_over_six_megabytes_is_rejected_and_the_caller_receives_an_error() {
    let lambda = TestLambda::new();
    lambda.sandbox.add_function(lambda.function());
    let outcome = lambda
        .outcome(json!({"do": "big", "bytes": 6_291_557}))
        .await;
    assert_eq!(outcome.function_error, Some(FunctionError::Unhandled));
    let error: serde_json::Value = serde_json::from_slice(&outcome.payload).unwrap();
    assert_eq!(error["errorType"], "Function.ResponseSizeTooLarge");
    let printed = until("413", || {
        lambda
            .lines(LogSource::Function)
            .into_iter()
            .find(|l| l.starts_with("big"))
    })
    .await;
    assert!(
        printed.starts_with("big 413 ") && printed.contains("RequestEntityTooLarge"),
        "{printed}"
    );
    let whole = lambda
        .outcome(json!({"do": "big", "bytes": 6_291_556}))
        .await;
    assert_eq!(
        (whole.function_error, whole.payload.len()),
        (None, 6_291_556)
    );
    lambda.sandbox.shutdown().await;
}

#[tokio::test]
async fn an_error_over_six_megabytes_is_rejected_and_the_caller_receives_an_error() {
    let lambda = TestLambda::new();
    lambda.sandbox.add_function(lambda.function());
    for bytes in [6_291_557, 60_000_000] {
        let outcome = lambda
            .outcome(json!({"do": "big-error", "bytes": bytes}))
            .await;
        assert_eq!(outcome.function_error, Some(FunctionError::Unhandled));
        let error: serde_json::Value = serde_json::from_slice(&outcome.payload).unwrap();
        assert_eq!(error["errorType"], "Function.ResponseSizeTooLarge");
    }
    let whole = json!({"do": "big-error", "bytes": 6_291_556});
    assert_eq!(lambda.outcome(whole).await.payload.len(), 6_291_556);
    assert_eq!(lambda.echo().await["calls"], 4, "the runtime lives on");
    let printed = lambda.lines(LogSource::Function);
    let statuses: Vec<_> = printed
        .iter()
        .filter_map(|line| line.strip_prefix("big-error ")?.split(' ').next())
        .collect();
    assert_eq!(statuses, ["413", "413", "202"]);
    lambda.sandbox.shutdown().await;
}

#[tokio::test]
async fn a_line_without_its_end_is_in_its_own_invocations_log() {
    let lambda = TestLambda::new();
    lambda.sandbox.add_function(lambda.function());
    let outcome = lambda.outcome(json!({"do": "half", "text": "one"})).await;
    let tail = String::from_utf8(outcome.log_tail).unwrap();
    assert!(tail.ends_with("\none\n"), "{tail}");
    lambda.wait_for_reports(1).await;
    lambda
        .outcome(json!({"do": "half", "text": "two\nthree"}))
        .await;
    lambda.wait_for_reports(2).await;
    lambda.sandbox.shutdown().await;
    let lines = lambda.lines(LogSource::Function);
    assert_eq!(lines[1..], ["one", "two", "three"]);
}

#[tokio::test]
async fn a_request_over_six_megabytes_is_rejected() {
    let lambda = TestLambda::new();
    lambda.sandbox.add_function(lambda.function());
    let invoke = |bytes: usize| {
        let invocation = Invocation {
            payload: format!("{{}}{}", " ".repeat(bytes - 2)).into(),
            ..Invocation::default()
        };
        lambda.sandbox.invoke("orders", invocation)
    };
    let error = invoke(6_291_457).await;
    assert_eq!(error.unwrap_err(), InvokeError::RequestTooLarge(6_291_457));
    let whole = invoke(6_291_456).await.unwrap();
    assert_eq!(whole.function_error, None);
    lambda.sandbox.shutdown().await;
}

#[tokio::test]
async fn a_streamed_response_is_joined_and_its_trailers_are_its_error() {
    let lambda = TestLambda::new();
    lambda.sandbox.add_function(lambda.function());
    let whole = lambda.outcome(json!({"do": "stream"})).await;
    assert_eq!(
        (whole.function_error, whole.payload.as_ref()),
        (None, &b"hello world"[..])
    );
    let broken = lambda.outcome(json!({"do": "stream", "fails": true})).await;
    assert_eq!(broken.function_error, Some(FunctionError::Unhandled));
    assert_eq!(broken.payload.as_ref(), br#"{"errorType":"Broken"}"#);
    lambda.sandbox.shutdown().await;
}

#[tokio::test]
async fn a_call_in_the_wrong_state_is_rejected_with_lambdas_error_type() {
    let lambda = TestLambda::new();
    lambda.sandbox.add_function(lambda.function());
    let early = lambda.invoke(json!({"do": "twice"})).await;
    assert_eq!(
        (&early["status"], &early["body"]["errorType"]),
        (&403.into(), &"InvalidStateTransition".into())
    );
    let wrong = lambda.invoke(json!({"do": "wrong-id"})).await;
    assert_eq!(
        (&wrong["status"], &wrong["body"]["errorType"]),
        (&400.into(), &"InvalidRequestID".into())
    );
    lambda.sandbox.shutdown().await;
}

#[tokio::test]
async fn client_context_trace_header_and_qualifier_reach_the_runtime() {
    let lambda = TestLambda::new();
    lambda.sandbox.add_function(lambda.function());
    let caller = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
    let invocation = Invocation {
        payload: "{}".into(),
        trace_header: Some(TraceHeader::parse(caller)),
        client_context: Some(r#"{"custom":{"a":1}}"#.to_owned()),
    };
    let outcome = lambda
        .sandbox
        .invoke("orders:$LATEST", invocation)
        .await
        .unwrap();
    let response: serde_json::Value = serde_json::from_slice(&outcome.payload).unwrap();
    let headers = &response["headers"];
    assert_eq!(
        headers["lambda-runtime-client-context"],
        r#"{"custom":{"a":1}}"#
    );
    assert_eq!(
        headers["lambda-runtime-trace-id"],
        outcome.trace_header.to_string()
    );
    assert_eq!(outcome.trace_header.root, TraceHeader::parse(caller).root);
    assert!(
        headers["lambda-runtime-invoked-function-arn"]
            .as_str()
            .unwrap()
            .ends_with(":orders:$LATEST")
    );
    lambda.sandbox.shutdown().await;
}

#[tokio::test]
async fn every_qualifier_runs_the_function_and_is_in_its_arn() {
    let lambda = TestLambda::new();
    lambda.sandbox.add_function(lambda.function());
    for name in ["orders:live", "orders:3", "function:orders:$LATEST"] {
        let outcome = lambda.sandbox.invoke(name, Invocation::default()).await;
        let response: serde_json::Value =
            serde_json::from_slice(&outcome.unwrap().payload).unwrap();
        let arn = &response["headers"]["lambda-runtime-invoked-function-arn"];
        let (_, qualifier) = name.rsplit_once(':').unwrap();
        let expected = format!(":function:orders:{qualifier}");
        assert!(arn.as_str().unwrap().ends_with(&expected), "{name}: {arn}");
    }
    lambda.sandbox.shutdown().await;
}

#[tokio::test]
async fn an_unknown_function_is_named() {
    let lambda = TestLambda::new();
    lambda.sandbox.add_function(lambda.function());
    for name in [
        "payments",
        "arn:aws:lambda:us-east-1:123456789012:function:orders",
    ] {
        let error = lambda
            .sandbox
            .invoke(name, Invocation::default())
            .await
            .unwrap_err();
        assert_eq!(error, InvokeError::UnknownFunction(name.to_owned()));
    }
}

#[tokio::test]
async fn the_process_has_lambdas_environment_and_nothing_else() {
    let mut config = SandboxConfig::default();
    config
        .environment
        .insert("AWS_ACCESS_KEY_ID".into(), "test-key".into());
    let lambda = TestLambda::with(config);
    let mut function = lambda.function();
    function
        .environment
        .insert("AWS_REGION".into(), "mars".into());
    // The variables that the kernel passed, before an interpreter adds its own.
    function.bootstrap = lambda.script(
        "prints",
        "#!/bin/sh\ntr '\\0' '\\n' </proc/$$/environ\nexit 1\n",
    );
    lambda.sandbox.add_function(function);
    lambda.outcome(json!({})).await;
    let lines = lambda.lines(LogSource::Function);
    let env: BTreeMap<_, _> = lines
        .iter()
        .filter_map(|line| line.split_once('='))
        .collect();
    let names: Vec<_> = env.keys().copied().collect();
    assert_eq!(
        names,
        [
            "AWS_ACCESS_KEY_ID",
            "AWS_DEFAULT_REGION",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
            "AWS_LAMBDA_FUNCTION_NAME",
            "AWS_LAMBDA_FUNCTION_VERSION",
            "AWS_LAMBDA_INITIALIZATION_TYPE",
            "AWS_LAMBDA_LOG_GROUP_NAME",
            "AWS_LAMBDA_LOG_STREAM_NAME",
            "AWS_LAMBDA_RUNTIME_API",
            "AWS_REGION",
            "AWS_XRAY_CONTEXT_MISSING",
            "AWS_XRAY_DAEMON_ADDRESS",
            "LAMBDA_RUNTIME_DIR",
            "LAMBDA_TASK_ROOT",
            "LANG",
            "LD_LIBRARY_PATH",
            "MARKER",
            "PATH",
            "TZ",
            "_AWS_XRAY_DAEMON_ADDRESS",
            "_AWS_XRAY_DAEMON_PORT",
            "_HANDLER",
        ]
    );
    assert_eq!(env["AWS_REGION"], "eu-west-1");
    assert!(lambda.platform_line("variable AWS_REGION").is_some());
    lambda.sandbox.shutdown().await;
}
