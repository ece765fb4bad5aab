//! `xray-local policy check`, run as a user runs it.

#![allow(clippy::unwrap_used, reason = "an unwrap that fails is a failed test")]

use std::path::Path;
use std::process::{Command, Output};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use xray_local_store::Store;

fn check(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xray-local"))
        .args(["policy", "check"])
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn folder(policy: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("policy.json"), policy).unwrap();
    folder
}

/// Stores two traces, one of which has a tenant.
fn record_traces(folder: &Path) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let store = Store::open(&folder.join("data")).unwrap();
    for (trace, annotations) in [(1, json!({"tenant": "acme"})), (2, json!({"mail": "x"}))] {
        let document = json!({
            "name": "orders", "id": "0a1b2c3d4e5f6071",
            "trace_id": format!("1-{:08x}-{trace:024x}", now.as_secs()),
            "start_time": now.as_secs_f64() - 1.0, "end_time": now.as_secs_f64(),
            "annotations": annotations,
            "metadata": {"default": {"note": "mail to ana@example.com"}},
            "subsegments": [{
                "name": "payments", "id": "1111222233334444", "namespace": "remote",
                "start_time": now.as_secs_f64() - 0.5, "end_time": now.as_secs_f64(),
            }],
        });
        let results = store.put_json(&[&document.to_string()]).unwrap();
        assert!(results[0].is_ok(), "{results:?}");
    }
}

const POLICY: &str = r#"{
  "mode": "enforce",
  "annotations": {"allowed": ["tenant"], "required": ["tenant"]},
  "redact": {"detectors": ["email"]}
}"#;

#[test]
fn a_valid_policy_is_a_success() {
    let folder = folder(POLICY);
    let output = check(folder.path(), &["policy.json"]);
    assert!(output.status.success());
    assert_eq!(
        stdout(&output),
        "policy.json is a valid policy; its mode is enforce\n"
    );
}

#[test]
fn each_mistake_is_a_line_with_its_place_and_a_suggestion() {
    let folder = folder("{\n  \"mode\": \"audit\",\n  \"forbiden\": [],\n  \"names\": 1\n}");
    let output = check(folder.path(), &["policy.json", "--traces"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stderr(&output),
        "policy.json:3:3: the policy has no setting \"forbiden\"; did you mean \"forbidden\"?\n\
         policy.json:4:12: names is 1; write an object, {…}\n"
            .replace("names is 1", "names is a number")
    );
    assert_eq!(stdout(&output), "");

    let output = check(folder.path(), &["policy.json", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(
        (&report["Mode"], &report["Problems"][0]["Line"]),
        (&json!("audit"), &json!(3))
    );
}

#[test]
fn a_missing_file_is_an_error_and_a_wrong_option_another() {
    let folder = folder(POLICY);
    let missing = check(folder.path(), &["missing.json"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(
        stderr(&missing).contains("cannot read the policy missing.json"),
        "{}",
        stderr(&missing)
    );
    let wrong = check(folder.path(), &["policy.json", "--trace"]);
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn the_effect_on_recorded_traces_is_shown_without_values() {
    let folder = folder(POLICY);
    record_traces(folder.path());
    let arguments = ["policy.json", "--traces", "--data", "data"];
    let output = check(folder.path(), &arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(
        stdout(&output),
        "\
2 of 2 segments in 2 traces would change
RULE                         COUNT  EXAMPLES
annotations.allowed              1  annotations.mail (3 characters)
redact email                     2  metadata.default.note (15 characters)
annotations.required tenant      1  traces without it
"
    );
    let output = check(folder.path(), &[&arguments[..], &["--json"]].concat());
    let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(report["Problems"], json!([]));
    assert_eq!(
        (&report["Traces"], &report["Affected"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(
        report["Rules"][1],
        json!({"Rule": "redact email", "Count": 2, "Examples": ["metadata.default.note (15 characters)"]})
    );
}

#[test]
fn a_missing_store_is_an_error() {
    let folder = folder(POLICY);
    let output = check(
        folder.path(),
        &["policy.json", "--traces", "--data", "data"],
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("the folder does not exist"));
}
