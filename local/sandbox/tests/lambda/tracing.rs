use serde_json::{Value, json};
use xray_document::TraceHeader;
use xray_local_sandbox::{Invocation, TracingMode};

use crate::harness::TestLambda;

const CALLER: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";

async fn invoke(lambda: &TestLambda, event: Value) -> xray_local_sandbox::InvokeOutcome {
    let invocation = Invocation {
        payload: event.to_string().into(),
        trace_header: Some(TraceHeader::parse(CALLER)),
        ..Invocation::default()
    };
    lambda.sandbox.invoke("orders", invocation).await.unwrap()
}

#[tokio::test]
async fn active_sends_service_and_function_segments_under_the_caller_and_init_once() {
    let lambda = TestLambda::new();
    lambda.sandbox.add_function(lambda.function());
    let cold = invoke(&lambda, json!({})).await;
    invoke(&lambda, json!({})).await;
    let functions = lambda.segments_of("AWS::Lambda::Function", 2).await;
    let services = lambda.segments_of("AWS::Lambda", 2).await;
    lambda.sandbox.shutdown().await;

    let (service, function) = (&services[0], &functions[0]);
    assert_eq!(service["trace_id"], "1-5759e988-bd862e3fe1be46a994272793");
    assert_eq!(service["parent_id"], "53995c3f42cd8ad8");
    assert_eq!(service["aws"]["request_id"], cold.request_id);
    assert_eq!(service["http"]["response"]["status"], 200);
    assert_eq!(
        service["resource_arn"],
        "arn:aws:lambda:eu-west-1:123456789012:function:orders"
    );
    assert_eq!(function["parent_id"], service["id"]);
    assert_eq!(function["id"], json!(cold.trace_header.parent));
    assert!(function.get("fault").is_none());

    let init = &function["subsegments"][0];
    assert_eq!(init["name"], "Init");
    assert!(init["end_time"].as_f64() <= function["start_time"].as_f64());
    assert!(service["start_time"].as_f64() <= init["start_time"].as_f64());
    assert!(functions[1].get("subsegments").is_none());
    for annotation in [
        "aws:responseLatency",
        "aws:responseDuration",
        "aws:runtimeOverhead",
        "aws:extensionOverhead",
    ] {
        assert!(
            function["annotations"][annotation].is_number(),
            "{function}"
        );
    }
}

#[tokio::test]
async fn pass_through_sends_no_segments_and_passes_the_root_on() {
    let lambda = TestLambda::new();
    let mut function = lambda.function();
    function.tracing = TracingMode::PassThrough;
    lambda.sandbox.add_function(function);
    let outcome = invoke(&lambda, json!({})).await;
    lambda.wait_for_reports(1).await;
    lambda.sandbox.shutdown().await;
    assert!(lambda.finished_segments().is_empty());
    let response: Value = serde_json::from_slice(&outcome.payload).unwrap();
    let header = response["headers"]["lambda-runtime-trace-id"]
        .as_str()
        .unwrap();
    assert!(
        header.starts_with("Root=1-5759e988-bd862e3fe1be46a994272793;Lineage="),
        "{header}"
    );
    assert!(lambda.platform_line("XRAY").is_none());
}

#[tokio::test]
async fn an_error_is_a_fault_in_both_segments_with_the_runtimes_cause() {
    let lambda = TestLambda::new();
    lambda.sandbox.add_function(lambda.function());
    let cause = json!({"working_directory": "/var/task", "paths": [], "exceptions": [{"type": "KeyError", "message": "pk", "stack": []}]});
    invoke(&lambda, json!({"do": "error", "cause": cause})).await;
    let function = &lambda.segments_of("AWS::Lambda::Function", 1).await[0];
    let service = &lambda.segments_of("AWS::Lambda", 1).await[0];
    assert_eq!(
        (&function["fault"], &service["fault"]),
        (&true.into(), &true.into())
    );
    assert_eq!(service["http"]["response"]["status"], 200);
    assert_eq!(function["cause"]["working_directory"], "/var/task");
    assert_eq!(function["cause"]["exceptions"][0]["type"], "KeyError");
    lambda.sandbox.shutdown().await;
}

#[tokio::test]
async fn a_timeout_and_a_crash_are_faults_with_lambdas_error_types() {
    let lambda = TestLambda::new();
    let mut function = lambda.function();
    function.timeout = std::time::Duration::from_secs(2);
    lambda.sandbox.add_function(function);
    invoke(&lambda, json!({"do": "exit", "status": 1})).await;
    invoke(&lambda, json!({"do": "sleep", "seconds": 600})).await;
    let functions = lambda.segments_of("AWS::Lambda::Function", 2).await;
    let kinds: Vec<_> = functions
        .iter()
        .map(|s| &s["cause"]["exceptions"][0]["type"])
        .collect();
    assert_eq!(kinds, ["Runtime.ExitError", "Sandbox.Timedout"]);
    let timed_out = &functions[1];
    let length =
        timed_out["end_time"].as_f64().unwrap() - timed_out["start_time"].as_f64().unwrap();
    assert!((length - 2.0).abs() < 0.001, "{length}");
    lambda.sandbox.shutdown().await;
}
