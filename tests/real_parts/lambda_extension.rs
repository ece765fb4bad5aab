//! An extension made with the crate `lambda-extension`, beside ours under `xray-local`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::{Value, json};
use tempfile::TempDir;
use xray_lambda_tests::local::{Template, XrayLocal};
use xray_lambda_tests::{WAIT_TIMEOUT, artifact, client, http, port};

const NAME: &str = "telemetry-extension";

/// A Rust function, and a layer with both extensions.
struct Project {
    folder: TempDir,
    template: Template,
}

impl Project {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let code = folder.path().join("function");
        fs::create_dir(&code).expect("a temporary folder");
        fs::copy(artifact::traced_function(), code.join("bootstrap")).expect("a copy");
        let [port] = port::free();
        // JSON is also YAML.
        let template = json!({
            "Transform": "AWS::Serverless-2016-10-31",
            "Resources": {
                "OrdersFunction": {
                    "Type": "AWS::Serverless::Function",
                    "Properties": {
                        "FunctionName": "orders",
                        "Runtime": "provided.al2023",
                        "CodeUri": "function",
                        "Handler": "bootstrap",
                        "Timeout": 10,
                        "Tracing": "Active",
                        "Layers": [{ "Ref": "XRayLayer" }],
                        "Environment": { "Variables": {
                            "TESTS_REPORT": folder.path().join("report"),
                            "TESTS_TELEMETRY_PORT": port.to_string(),
                        } },
                    },
                },
                "XRayLayer": {
                    "Type": "AWS::Serverless::LayerVersion",
                    "Properties": { "ContentUri": "layer" },
                },
            },
        });
        let file = folder.path().join("template.yaml");
        fs::write(&file, template.to_string()).expect("a temporary file");
        let template = Template::new(file);
        let extension = template.layer().join("extensions").join(NAME);
        fs::copy(artifact::telemetry_extension(), extension).expect("a copy");
        Self { folder, template }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The events and records that the extension has received so far.
    fn report(&self) -> Report {
        Report::read(&self.folder.path().join("report"))
    }
}

/// Events of the Extensions API, and records of the Telemetry API.
#[derive(Debug)]
struct Report(Vec<Value>);

impl Report {
    fn read(file: &Path) -> Self {
        let text = fs::read_to_string(file).unwrap_or_default();
        // The extension may be in the middle of a line.
        let lines = text
            .lines()
            .map_while(|line| serde_json::from_str(line).ok());
        Self(lines.collect())
    }

    fn events(&self, kind: &str) -> Vec<&Value> {
        let all = self.0.iter();
        all.filter(|line| line["eventType"] == kind).collect()
    }

    /// The records of a type of telemetry.
    fn records(&self, kind: &str) -> Vec<&Value> {
        let all = self.0.iter().filter(|line| line["type"] == kind);
        all.map(|line| &line["record"]).collect()
    }

    /// The record of a type for one invocation.
    fn of_request(&self, kind: &str, request: &Value) -> Option<&Value> {
        let mut records = self.records(kind).into_iter();
        records.find(|record| record["requestId"] == *request)
    }
}

#[tokio::test]
async fn an_extension_of_the_crate_lambda_extension_runs_beside_ours() {
    let project = Project::new();
    let served = XrayLocal::start_lambda(&project.data(), &project.template);
    let lambda = served.url("Lambda").await;
    let roots = invoke_until_reported(&project, &lambda, &served).await;
    assert!(served.stop().await.success());

    let report = project.report();
    let invokes = report.events("INVOKE");
    assert_eq!(invokes.len(), roots.len(), "{report:#?}");
    let [shutdown] = report.events("SHUTDOWN")[..] else {
        panic!("not one SHUTDOWN in {report:#?}");
    };
    assert_eq!(shutdown["shutdownReason"], "SPINDOWN");
    assert_initialized(&report);

    let served = XrayLocal::serve(&project.data());
    let endpoint = served.url("X-Ray API").await;
    let first = client::batch_get_traces(&endpoint, &roots[..1]).await;
    let flat = first.flat();
    let [function] = flat.of_origin("AWS::Lambda::Function")[..] else {
        panic!("not one segment of AWS::Lambda::Function in {first}");
    };
    assert_invoked(&report, invokes[0], &roots[0], &function["id"]);
    // Our extension has worked, too.
    let work = flat.one("work");
    assert!(flat.is_ancestor(function, work), "{first}");
}

/// Invokes the function until the extension has the report of the first invocation. An
/// environment is frozen after each invocation, so the report may arrive in a later one.
/// Returns the trace ids.
async fn invoke_until_reported(project: &Project, lambda: &str, served: &XrayLocal) -> Vec<String> {
    let url = format!("{lambda}/2015-03-31/functions/orders/invocations");
    let start = Instant::now();
    let mut roots = Vec::new();
    loop {
        let root = format!("1-6750a1b2-{:024x}", roots.len() + 1);
        let header = format!("Root={root};Parent=0efbd19962d95b05;Sampled=1");
        let response = http::post(&url, &[("X-Amzn-Trace-Id", &header)], r#"{"tenant":"a"}"#).await;
        assert_eq!(response.status, 200, "{}\n{}", response.body, served.log());
        roots.push(root);
        let report = project.report();
        if !report.records("platform.report").is_empty() {
            return roots;
        }
        assert!(
            start.elapsed() < WAIT_TIMEOUT,
            "{report:#?}\n{}",
            served.log()
        );
    }
}

/// Asserts that the telemetry of the init phase is there.
fn assert_initialized(report: &Report) {
    let start = &report.records("platform.initStart")[..];
    assert_eq!(start.len(), 1, "{report:#?}");
    assert_eq!(start[0]["initializationType"], "on-demand");
    assert_eq!(start[0]["phase"], "init");
    let done = report.records("platform.initRuntimeDone");
    assert_eq!(done[0]["status"], "success", "{report:#?}");
    let init = report.records("platform.initReport");
    assert!(init[0]["metrics"]["durationMs"].as_f64() > Some(0.0));

    let subscriptions = report.records("platform.telemetrySubscription");
    let types = subscriptions.iter().find(|record| record["name"] == NAME);
    let types = types.map(|record| &record["types"]);
    assert_eq!(types, Some(&json!(["platform", "function"])), "{report:#?}");
    let extensions = report.records("platform.extension");
    for name in [NAME, "xray-lambda-extension"] {
        let extension = extensions.iter().find(|record| record["name"] == name);
        let state = extension.map(|record| &record["state"]);
        assert_eq!(state, Some(&json!("Ready")), "{report:#?}");
    }
}

/// Asserts that the telemetry of an invocation is there, and belongs to its trace.
fn assert_invoked(report: &Report, invoke: &Value, root: &str, segment: &Value) {
    let tracing = &invoke["tracing"];
    assert_eq!(tracing["type"], "X-Amzn-Trace-Id");
    let value = tracing["value"].as_str().unwrap_or_default();
    assert!(value.contains(&format!("Root={root};")), "{invoke}");
    let arn = invoke["invokedFunctionArn"].as_str().unwrap_or_default();
    assert!(arn.ends_with(":function:orders"), "{invoke}");

    let request = &invoke["requestId"];
    for kind in ["platform.start", "platform.runtimeDone", "platform.report"] {
        let record = report.of_request(kind, request);
        let record = record.unwrap_or_else(|| panic!("no {kind} of {request} in {report:#?}"));
        assert_eq!(&record["tracing"]["spanId"], segment, "{record}");
        if kind != "platform.start" {
            assert_eq!(record["status"], "success", "{record}");
            assert!(record["metrics"]["durationMs"].is_number(), "{record}");
        }
    }
}
