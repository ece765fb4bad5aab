//! The demo API, and its traces as boto3 reads them: with the built-in DynamoDB, and with
//! dynalite as a second implementation.

use std::process::Command;

use serde_json::{Value, json};
use xray_lambda_tests::demo::Demo;
use xray_lambda_tests::documents::Documents;
use xray_lambda_tests::process::Process;
use xray_lambda_tests::{client, http, node, port};

#[tokio::test]
async fn a_cold_write_is_one_complete_trace() {
    let demo = Demo::start(&[]).await;
    let response = demo
        .post_item(&json!({ "tenant": "acme", "message": "hello" }))
        .await;
    assert_eq!(response.status, 201, "{}\n{}", response.body, demo.log());
    let item = response.json();
    let trace = demo.stop_and_read_traces(&[response.trace_id()]).await;

    trace.assert_strict();
    let trace = trace.flat();
    let write = WriteTrace::find(&trace);
    let init = trace.one("Init");
    assert_eq!(init["parent_id"], write.function["id"]);

    assert_eq!(write.validate["annotations"]["tenant"], "acme");
    assert_eq!(
        write.validate["metadata"]["lab"]["debug"]["wrotePk"],
        item["pk"]
    );
    assert_eq!(write.put["namespace"], "aws");
    assert_eq!(write.put["aws"]["operation"], "PutItem");
    assert_eq!(write.put["http"]["response"]["status"], 200);
    for filled in ["table_name", "request_id", "region"] {
        let value = write.put["aws"][filled].as_str().unwrap_or_default();
        assert!(!value.is_empty(), "no `{filled}` in {}", write.put);
    }
}

#[tokio::test]
async fn only_the_first_request_of_an_environment_has_an_init_subsegment() {
    let demo = Demo::start(&[]).await;
    let cold = demo.post_item(&json!({ "tenant": "acme" })).await;
    let warm = demo.post_item(&json!({ "tenant": "acme" })).await;
    let ids = [cold.trace_id(), warm.trace_id()];
    let traces = demo.stop_and_read_traces(&ids).await.flat();

    // Lambda's own segment has `Init`; the extension must not add a second subsegment.
    assert!(traces.named("Runtime init").is_empty(), "{traces}");
    for (id, init) in ids.iter().zip([1, 0]) {
        let trace = traces.of_trace(id);
        WriteTrace::find(&trace);
        assert_eq!(trace.named("Init").len(), init, "{trace}");
        let cold_start = init == 1;
        let annotated = |document: &&Value| document["annotations"]["ColdStart"] == cold_start;
        assert_eq!(
            trace.as_slice().iter().filter(annotated).count(),
            1,
            "{trace}"
        );
    }
}

#[tokio::test]
async fn a_called_table_is_an_inferred_segment_under_the_call() {
    let demo = Demo::start(&[]).await;
    let response = demo.post_item(&json!({ "tenant": "acme" })).await;
    let trace = demo
        .stop_and_read_traces(&[response.trace_id()])
        .await
        .flat();

    let inferred: Vec<_> = trace
        .as_slice()
        .iter()
        .filter(|document| document["inferred"] == true)
        .collect();
    let [table] = inferred[..] else {
        panic!("expected one inferred segment, not {trace}")
    };
    assert_eq!(table["origin"], "AWS::DynamoDB::Table");
    assert_eq!(table["parent_id"], WriteTrace::find(&trace).put["id"]);
}

#[tokio::test]
async fn a_report_is_one_trace_through_two_functions() {
    let demo = Demo::start(&[]).await;
    let item = demo
        .post_item(&json!({ "tenant": "acme", "message": "hello" }))
        .await
        .json();
    let pk = item["pk"].as_str().expect("the item's pk");
    let response = demo.get(&format!("/reports/{pk}")).await;
    assert_eq!(response.status, 200, "{}\n{}", response.body, demo.log());
    assert_eq!(response.json()["messageLength"], 5);
    let trace = demo.stop_and_read_traces(&[response.trace_id()]).await;

    trace.assert_strict();
    let trace = trace.without_inferred().flat();
    for origin in [
        "AWS::ApiGateway::Stage",
        "AWS::Lambda",
        "AWS::Lambda::Function",
    ] {
        assert_eq!(trace.of_origin(origin).len(), 2, "{origin} in {trace}");
    }
    let report = trace.one("build_report");
    let read = trace.one("read_and_respond");
    assert_eq!(read["annotations"]["pk"], pk);
    // The call is under the report, and the whole second function is under the call.
    let calls: Vec<_> = trace
        .as_slice()
        .iter()
        .filter(|document| document["namespace"] == "remote")
        .collect();
    let [call] = calls[..] else {
        panic!("expected one remote call, not {trace}")
    };
    assert!(trace.is_ancestor(report, call), "{trace}");
    assert!(trace.is_ancestor(call, read), "{trace}");
    assert_eq!(call["http"]["response"]["status"], 200);
}

#[tokio::test]
async fn a_failed_handler_is_a_fault_with_its_cause() {
    let demo = Demo::start(&[]).await;
    let failed = demo
        .post_item(&json!({ "tenant": "acme", "fail": true }))
        .await;
    assert_eq!(failed.status, 502, "{}\n{}", failed.body, demo.log());
    let next = demo.post_item(&json!({ "tenant": "acme" })).await;
    assert_eq!(next.status, 201, "{}\n{}", next.body, demo.log());
    let trace = demo.stop_and_read_traces(&[failed.trace_id()]).await;

    trace.assert_strict();
    let trace = trace.without_inferred().flat();
    let validate = trace.one("validate_and_write");
    assert_eq!(validate["fault"], true);
    let exceptions = validate["cause"]["exceptions"]
        .as_array()
        .expect("the exceptions");
    let messages: Vec<_> = exceptions
        .iter()
        .map(|exception| &exception["message"])
        .collect();
    assert_eq!(
        messages,
        ["the supplier did not confirm", "connection reset by peer"]
    );
    for origin in ["AWS::Lambda::Function", "AWS::ApiGateway::Stage"] {
        assert_eq!(
            trace.of_origin(origin)[0]["fault"],
            true,
            "{origin} in {trace}"
        );
    }
}

#[tokio::test]
async fn a_deployed_demo_ignores_requests_for_faults() {
    let demo = Demo::start_as_deployed(&[]).await;
    let faults = json!({ "tenant": "acme", "fail": true, "delayMs": 800 });
    let written = demo.post_item(&faults).await;
    assert_eq!(written.status, 201, "{}\n{}", written.body, demo.log());
    let pk = written.json()["pk"]
        .as_str()
        .expect("the item's pk")
        .to_owned();
    let read = demo
        .get(&format!("/items/{pk}?fail=true&delayMs=800"))
        .await;
    assert_eq!(read.status, 200, "{}\n{}", read.body, demo.log());

    let ids = [written.trace_id(), read.trace_id()];
    let traces = demo.stop_and_read_traces(&ids).await.flat();
    assert!(traces.named("slow_dependency").is_empty(), "{traces}");
}

#[tokio::test]
async fn the_responses_are_the_same_as_in_the_lab() {
    let demo = Demo::start(&[]).await;
    let invalid = demo
        .post_item(&Value::String("not an object".to_owned()))
        .await;
    assert_eq!(
        (invalid.status, invalid.json()),
        (400, json!({ "error": "Invalid JSON body" }))
    );
    let unknown = demo.get("/items/nothing").await;
    let not_found = json!({ "error": "Not found", "pk": "nothing" });
    assert_eq!((unknown.status, unknown.json()), (404, not_found));

    let written = demo
        .post_item(&json!({ "tenant": "acme", "message": "hello" }))
        .await
        .json();
    let pk = written["pk"].as_str().expect("the item's pk");
    let read = demo.get(&format!("/items/{pk}")).await;
    assert_eq!((read.status, read.json()), (200, written));
}

#[tokio::test]
async fn the_demo_works_the_same_with_dynalite() {
    let [listen] = port::free();
    let mut command = Command::new(node::modules().join(".bin/dynalite"));
    command.args([
        "--host",
        "127.0.0.1",
        "--port",
        &listen.to_string(),
        "--createTableMs",
        "0",
    ]);
    let _dynalite = Process::spawn("dynalite", command);
    let address = format!("127.0.0.1:{listen}");
    http::wait_until_listening(&address).await;
    let dynalite = format!("http://{address}");

    let demo = Demo::start(&["--dynamodb-endpoint", &dynalite]).await;
    let written = demo
        .post_item(&json!({ "tenant": "acme", "message": "hello" }))
        .await;
    assert_eq!(written.status, 201, "{}\n{}", written.body, demo.log());
    let pk = written.json()["pk"]
        .as_str()
        .expect("the item's pk")
        .to_owned();
    let read = demo.get(&format!("/items/{pk}")).await;
    assert_eq!((read.status, read.json()), (200, written.json()));

    let tables = client::aws_cli(&dynalite, &["dynamodb", "list-tables"]).await;
    let table = tables["TableNames"][0]
        .as_str()
        .expect("the demo's table")
        .to_owned();
    let kept = client::aws_cli(&dynalite, &["dynamodb", "scan", "--table-name", &table]).await;
    assert_eq!(kept["Items"][0]["pk"]["S"], pk.as_str(), "{kept}");

    let trace = demo.stop_and_read_traces(&[written.trace_id()]).await;
    trace.assert_strict();
    let trace = trace.flat();
    assert_eq!(
        WriteTrace::find(&trace).put["aws"]["table_name"],
        table.as_str()
    );
}

/// The parts of the trace of a write.
struct WriteTrace {
    function: Value,
    validate: Value,
    put: Value,
}

impl WriteTrace {
    /// Finds the parts, and asserts that each is under the part before.
    fn find(trace: &Documents) -> Self {
        let trace = &trace.without_inferred();
        let one = |origin: &str| match trace.of_origin(origin)[..] {
            [segment] => segment.clone(),
            ref found => panic!("{} segments of {origin} in {trace}", found.len()),
        };
        let stage = one("AWS::ApiGateway::Stage");
        assert!(stage["parent_id"].is_null(), "{stage}");
        let service = one("AWS::Lambda");
        let function = one("AWS::Lambda::Function");
        let validate = trace.one("validate_and_write").clone();
        let put = trace.one("DynamoDB").clone();
        // More subsegments may be between the stage and `AWS::Lambda`, and between the
        // function and `validate_and_write`.
        assert!(trace.is_ancestor(&stage, &service), "{trace}");
        assert_eq!(function["parent_id"], service["id"]);
        assert!(trace.is_ancestor(&function, &validate), "{trace}");
        assert_eq!(put["parent_id"], validate["id"]);
        Self {
            function,
            validate,
            put,
        }
    }
}
