//! The official, unmodified Python SDK in a function under `xray-local`, with the layer.

use serde_json::{Value, json};
use xray_lambda_tests::documents::Documents;
use xray_lambda_tests::local::{self, Template, XrayLocal};
use xray_lambda_tests::{artifact, client, http, python};

const ROOT: &str = "1-6750a1b2-00112233445566778899aabb";

fn template() -> Template {
    let file = artifact::repository().join("tests/functions/python/template.yaml");
    Template::new(file).with_parameter("Python", &python::program("python"))
}

#[tokio::test]
async fn an_invocation_of_a_python_function_is_one_trace_in_the_store() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let template = template();
    let event = data.path().join("event.json");
    std::fs::write(&event, json!({ "tenant": "a" }).to_string()).expect("a temporary file");
    let event = event.display().to_string();
    let header = format!("Root={ROOT};Parent=0efbd19962d95b05;Sampled=1");
    let invoke = template.arguments(&[
        "invoke",
        "OrdersFunction",
        "--event",
        &event,
        "--trace-header",
        &header,
    ]);
    let invoke: Vec<_> = invoke.iter().map(String::as_str).collect();

    let response = local::run(data.path(), &invoke).await;
    let response: Value = serde_json::from_str(&response).expect("the response body on stdout");
    assert_eq!(response["tenant"], "a");

    let served = XrayLocal::serve(data.path());
    let endpoint = served.url("X-Ray API").await;
    let documents = client::batch_get_traces(&endpoint, &[ROOT.to_owned()]).await;
    assert_traced(&documents);
    let segment = documents
        .as_slice()
        .iter()
        .find(|document| document["origin"] == "AWS::Lambda");
    assert_eq!(
        segment.expect("AWS::Lambda")["parent_id"],
        "0efbd19962d95b05"
    );
}

#[tokio::test]
async fn start_lambda_serves_a_python_function_to_any_client() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let template = template();
    let served = XrayLocal::start_lambda(data.path(), &template);
    let lambda = served.url("Lambda").await;

    let url = format!("{lambda}/2015-03-31/functions/orders/invocations");
    let header = format!("Root={ROOT};Parent=0efbd19962d95b05;Sampled=1");
    let response = http::post(
        &url,
        &[("X-Amzn-Trace-Id", &header)],
        &json!({ "tenant": "a" }).to_string(),
    )
    .await;
    assert_eq!(response.status, 200, "{}\n{}", response.body, served.log());
    assert_eq!(response.json()["tenant"], "a");

    // The stop sends SHUTDOWN, and the extension then sends all buffered documents.
    assert!(served.stop().await.success());
    let served = XrayLocal::serve(data.path());
    let endpoint = served.url("X-Ray API").await;
    assert_traced(&client::batch_get_traces(&endpoint, &[ROOT.to_owned()]).await);
}

fn assert_traced(documents: &Documents) {
    documents.assert_valid();
    let flat = documents.flat();
    let function = flat
        .as_slice()
        .iter()
        .find(|document| document["origin"] == "AWS::Lambda::Function");
    let function = function.unwrap_or_else(|| panic!("no AWS::Lambda::Function in {documents}"));
    assert_eq!(function["name"], "orders");
    let work = flat.one("work");
    assert_eq!(work["parent_id"], function["id"], "{documents}");
    assert_eq!(work["annotations"]["tenant"], "a");
    assert_eq!(flat.one("inner")["parent_id"], work["id"]);
}
