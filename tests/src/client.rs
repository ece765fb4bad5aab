//! AWS's own clients: boto3 and the AWS CLI, with any endpoint.

use std::process::Command;

use serde_json::{Value, json};

use crate::documents::Documents;
use crate::process::Process;
use crate::python;

/// Calls an operation of X-Ray through boto3. Returns its response, with times as epoch
/// seconds. An error of the service is returned as `{"Error": {"Code", "Message"}, "Status"}`.
///
/// # Panics
/// If the service does not respond, or boto3 rejects the parameters.
pub async fn boto3(endpoint: &str, operation: &str, parameters: &Value) -> Value {
    let arguments = [endpoint, operation, &parameters.to_string()];
    parse_json(&python::run("scripts/call.py", &arguments).await)
}

/// Returns the documents of up to five traces through boto3's `batch_get_traces`.
///
/// # Panics
/// If the service does not respond.
pub async fn batch_get_traces(endpoint: &str, ids: &[String]) -> Documents {
    let response = boto3(endpoint, "batch_get_traces", &json!({ "TraceIds": ids })).await;
    let segments = response["Traces"].as_array().into_iter().flatten();
    let segments = segments.filter_map(|trace| trace["Segments"].as_array().cloned());
    let mut documents = Documents::default();
    documents.extend(
        segments
            .flatten()
            .filter_map(|segment| Some(segment["Document"].as_str()?.to_owned())),
    );
    documents
}

/// Runs a command of the AWS CLI, such as `aws xray get-groups`. Returns its output as JSON;
/// null if it prints nothing.
///
/// # Panics
/// If the command fails.
pub async fn aws_cli(endpoint: &str, arguments: &[&str]) -> Value {
    let mut command = Command::new(python::program("aws"));
    command
        .args(["--endpoint-url", endpoint, "--output", "json"])
        .args(arguments);
    command.env_clear().envs(python::client_environment());
    command.env("PATH", "/usr/bin:/bin").env("AWS_PAGER", "");
    let printed = Process::spawn("the AWS CLI", command)
        .wait_for_success()
        .await;
    if printed.trim().is_empty() {
        Value::Null
    } else {
        parse_json(&printed)
    }
}

fn parse_json(printed: &str) -> Value {
    serde_json::from_str(printed).unwrap_or_else(|error| panic!("{error} in {printed}"))
}
