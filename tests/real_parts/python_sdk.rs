//! The official, unmodified Python SDK in a function under `xray-local`, with the layer.

use serde_json::{Value, json};
use tempfile::TempDir;
use xray_lambda_tests::documents::Documents;
use xray_lambda_tests::local::{self, XrayLocal};
use xray_lambda_tests::{artifact, client, http, python};

const ROOT: &str = "1-6750a1b2-00112233445566778899aabb";

/// The arguments for the function and its layer.
struct Arguments {
    template: String,
    layer: TempDir,
    python: String,
}

impl Arguments {
    fn new() -> Self {
        let template = artifact::repository().join("tests/functions/python/template.yaml");
        let python = python::program("python");
        Self {
            template: template.display().to_string(),
            layer: local::layer_folder(),
            python: format!("Python={}", python.display()),
        }
    }

    /// The arguments of `command`, followed by those for the function and its layer.
    fn with_command(&self, command: &[&str]) -> Vec<String> {
        let layer = format!("XRayLayer={}", self.layer.path().display());
        let shared = [
            "--template",
            &self.template,
            "--layer",
            &layer,
            "--parameter-overrides",
            &self.python,
        ];
        command
            .iter()
            .copied()
            .chain(shared)
            .map(str::to_owned)
            .collect()
    }
}

#[tokio::test]
async fn an_invocation_of_a_python_function_is_one_trace_in_the_store() {
    let data = tempfile::tempdir().expect("a temporary folder");
    let arguments = Arguments::new();
    let event = data.path().join("event.json");
    std::fs::write(&event, json!({ "tenant": "a" }).to_string()).expect("a temporary file");
    let event = event.display().to_string();
    let header = format!("Root={ROOT};Parent=0efbd19962d95b05;Sampled=1");
    let invoke = arguments.with_command(&[
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
    let arguments = Arguments::new();
    let start = arguments.with_command(&[
        "start-lambda",
        "--port",
        "0",
        "--xray-listen",
        "127.0.0.1:0",
    ]);
    let start: Vec<_> = start.iter().map(String::as_str).collect();
    let served = XrayLocal::start(data.path(), &start);
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
