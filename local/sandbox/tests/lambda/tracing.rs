use serde_json::{Value, json};
use xray_document::TraceHeader;
use xray_local_sandbox::{Invocation, TracingMode};

use crate::desk::Desk;

const CALLER: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";

async fn invoke(desk: &Desk, event: Value) -> xray_local_sandbox::InvokeOutcome {
    let invocation = Invocation {
        payload: event.to_string().into(),
        trace_header: Some(TraceHeader::parse(CALLER)),
        ..Invocation::default()
    };
    desk.sandbox.invoke("orders", invocation).await.unwrap()
}

#[tokio::test]
async fn active_draws_service_and_function_under_the_caller_and_init_once() {
    let desk = Desk::new();
    desk.sandbox.add_function(desk.function());
    let cold = invoke(&desk, json!({})).await;
    invoke(&desk, json!({})).await;
    let functions = desk.drawn("AWS::Lambda::Function", 2).await;
    let services = desk.drawn("AWS::Lambda", 2).await;
    desk.sandbox.shutdown().await;

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
async fn pass_through_draws_nothing_and_hands_on_the_root() {
    let desk = Desk::new();
    let mut function = desk.function();
    function.tracing = TracingMode::PassThrough;
    desk.sandbox.add_function(function);
    let outcome = invoke(&desk, json!({})).await;
    desk.reported(1).await;
    desk.sandbox.shutdown().await;
    assert!(desk.segments().is_empty());
    let answer: Value = serde_json::from_slice(&outcome.payload).unwrap();
    let header = answer["headers"]["lambda-runtime-trace-id"]
        .as_str()
        .unwrap();
    assert!(
        header.starts_with("Root=1-5759e988-bd862e3fe1be46a994272793;Lineage="),
        "{header}"
    );
    assert!(desk.platform_line("XRAY").is_none());
}

#[tokio::test]
async fn an_error_is_a_fault_of_both_with_the_runtimes_cause() {
    let desk = Desk::new();
    desk.sandbox.add_function(desk.function());
    let cause = json!({"working_directory": "/var/task", "paths": [], "exceptions": [{"type": "KeyError", "message": "pk", "stack": []}]});
    invoke(&desk, json!({"do": "error", "cause": cause})).await;
    let function = &desk.drawn("AWS::Lambda::Function", 1).await[0];
    let service = &desk.drawn("AWS::Lambda", 1).await[0];
    assert_eq!(
        (&function["fault"], &service["fault"]),
        (&true.into(), &true.into())
    );
    assert_eq!(service["http"]["response"]["status"], 200);
    assert_eq!(function["cause"]["working_directory"], "/var/task");
    assert_eq!(function["cause"]["exceptions"][0]["type"], "KeyError");
    desk.sandbox.shutdown().await;
}

#[tokio::test]
async fn a_timeout_and_a_crash_are_faults_with_lambdas_words() {
    let desk = Desk::new();
    let mut function = desk.function();
    function.timeout = std::time::Duration::from_secs(2);
    desk.sandbox.add_function(function);
    invoke(&desk, json!({"do": "exit", "status": 1})).await;
    invoke(&desk, json!({"do": "sleep", "seconds": 600})).await;
    let functions = desk.drawn("AWS::Lambda::Function", 2).await;
    let kinds: Vec<_> = functions
        .iter()
        .map(|s| &s["cause"]["exceptions"][0]["type"])
        .collect();
    assert_eq!(kinds, ["Runtime.ExitError", "Sandbox.Timedout"]);
    let timed_out = &functions[1];
    let length =
        timed_out["end_time"].as_f64().unwrap() - timed_out["start_time"].as_f64().unwrap();
    assert!((length - 2.0).abs() < 0.001, "{length}");
    desk.sandbox.shutdown().await;
}
