//! The program, run as a user runs it.

#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test")]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

const TEMPLATE: &str = "\
AWSTemplateFormatVersion: '2010-09-09'
Transform: AWS::Serverless-2016-10-31
Resources:
  Layer:
    Type: AWS::Serverless::LayerVersion
    Properties: { ContentUri: not-built }
  Echo:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: code
      Handler: bootstrap
      Runtime: provided.al2023
      Timeout: 20
      Tracing: Active
      Layers: [!Ref Layer]
";

const RUNTIME: &str = r#"#!/usr/bin/env python3
import http.client, os
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
while True:
    api.request("GET", "/2018-06-01/runtime/invocation/next")
    event = api.getresponse()
    body = event.read()
    request = event.headers["Lambda-Runtime-Aws-Request-Id"]
    api.request("POST", f"/2018-06-01/runtime/invocation/{request}/response", body)
    api.getresponse().read()
"#;

const EXTENSION: &str = r#"#!/usr/bin/env python3
import http.client, json, os, sys
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
name = {"Lambda-Extension-Name": os.path.basename(sys.argv[0])}
api.request("POST", "/2020-01-01/extension/register", '{"events":["INVOKE","SHUTDOWN"]}', name)
response = api.getresponse()
response.read()
me = {"Lambda-Extension-Identifier": response.headers["Lambda-Extension-Identifier"]}
while True:
    api.request("GET", "/2020-01-01/extension/event/next", headers=me)
    event = json.loads(api.getresponse().read())
    print("extension saw", event["eventType"], flush=True)
    if event["eventType"] == "SHUTDOWN":
        break
"#;

/// A folder with a template, a function in Python and a layer.
fn project() -> tempfile::TempDir {
    let project = tempfile::tempdir().unwrap();
    std::fs::write(project.path().join("template.yaml"), TEMPLATE).unwrap();
    script(&project.path().join("code/bootstrap"), RUNTIME);
    script(&project.path().join("layer/extensions/logger"), EXTENSION);
    project
}

fn script(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
}

fn xray_local(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xray-local"))
        .args(arguments)
        .args(["--data", "data"])
        .current_dir(folder)
        .output()
        .unwrap()
}

#[test]
fn a_layer_at_a_relative_path_runs_and_the_trace_is_kept() {
    let project = project();
    std::fs::write(project.path().join("event.json"), r#"{"hello":"lambda"}"#).unwrap();
    let invoked = xray_local(
        project.path(),
        &["invoke", "--layer", "Layer=layer", "-e", "event.json"],
    );
    let log = String::from_utf8_lossy(&invoked.stderr);
    assert!(invoked.status.success(), "{log}");
    assert_eq!(
        String::from_utf8_lossy(&invoked.stdout),
        "{\"hello\":\"lambda\"}\n"
    );
    assert!(
        log.contains("extension saw INVOKE") && log.contains("extension saw SHUTDOWN"),
        "{log}"
    );

    let shown = xray_local(project.path(), &["trace"]);
    let tree = String::from_utf8_lossy(&shown.stdout);
    assert!(
        tree.contains("AWS::Lambda::Function") && tree.contains("cold start"),
        "{tree}"
    );
}

#[test]
fn the_error_for_a_layer_that_is_not_built_names_its_folder_and_the_flag() {
    let project = project();
    let invoked = xray_local(project.path(), &["invoke"]);
    let error = String::from_utf8_lossy(&invoked.stderr);
    assert_eq!(invoked.status.code(), Some(1), "{error}");
    assert!(
        error.contains("not-built") && error.contains("--layer Layer=DIR"),
        "{error}"
    );
}

#[test]
fn the_error_for_an_event_that_is_not_json_names_the_file() {
    let project = project();
    std::fs::write(project.path().join("event.json"), "{").unwrap();
    let invoked = xray_local(project.path(), &["invoke", "-e", "event.json"]);
    let error = String::from_utf8_lossy(&invoked.stderr);
    assert!(
        error.contains("the event from event.json is not JSON"),
        "{error}"
    );
}

#[test]
fn a_reader_that_stops_early_is_not_an_error() {
    let project = project();
    xray_local_store::Store::open(&project.path().join("data")).unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let listed = Command::new(env!("CARGO_BIN_EXE_xray-local"))
        .args(["traces", "--json", "--data", "data"])
        .current_dir(project.path())
        .stdout(writer)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&listed.stderr);
    assert!(listed.status.success() && error.is_empty(), "{error}");
}

#[test]
fn a_missing_folder_is_an_error_and_not_an_empty_store() {
    let project = project();
    let listed = xray_local(project.path(), &["traces"]);
    let error = String::from_utf8_lossy(&listed.stderr);
    assert_eq!(listed.status.code(), Some(1), "{error}");
    assert!(error.contains("the folder does not exist"), "{error}");
    assert!(!project.path().join("data").exists());
}
