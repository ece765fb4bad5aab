//! The policy (`XRAY_LAMBDA_POLICY`) and the keep rules (`XRAY_LAMBDA_KEEP`).

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use xray_document::Datagram;

use crate::lambda::{FUNCTION_TIMEOUT, Lambda, LambdaOptions};
use crate::sandbox::{Extension, id};
use crate::xray::XRay;

const TRACE: &str = "1-6750a1b2-00112233445566778899aabb";

/// An extension that has called `/next`.
async fn start(variables: &[(&str, &str)]) -> (Lambda, XRay, Extension) {
    let mut lambda = Lambda::start(LambdaOptions::default()).await;
    let xray = XRay::start([]).await;
    let extension = Extension::start_with(&lambda, &xray.address, variables);
    lambda.ready().await;
    lambda.telemetry("[]").await;
    (lambda, xray, extension)
}

fn send(extension: &Extension, document: Value) {
    send_in(extension, TRACE, document);
}

fn send_in(extension: &Extension, trace_id: &str, mut document: Value) {
    document["trace_id"] = json!(trace_id);
    document["parent_id"] = json!("53995c3f42cd8ad8");
    document["type"] = json!("subsegment");
    document["name"] = json!("work");
    document["start_time"] = json!(1_733_337_522.1);
    document["end_time"] = json!(1_733_337_522.2);
    let mut bytes = Vec::new();
    Datagram::Document(&document.to_string()).write_to(&mut bytes);
    extension.send_bytes(&bytes);
}

/// Ends the environment. Returns the log.
async fn shut_down(lambda: &Lambda, extension: Extension) -> String {
    lambda.shutdown("SPINDOWN");
    let (status, log) = extension.exited().await;
    assert!(status.success(), "{log}");
    log
}

/// Runs one invocation with one document under a policy. Returns what X-Ray received, and the
/// log.
async fn with_policy(policy: &str) -> (Vec<Value>, String) {
    let (mut lambda, mut xray, extension) = start(&[("XRAY_LAMBDA_POLICY", policy)]).await;
    lambda.invoke("r-1", FUNCTION_TIMEOUT).await;
    let metadata = json!({"default": {"note": "to ana@example.com"}});
    send(
        &extension,
        json!({"id": id(1), "annotations": {"tenant": "a", "mail": "b"}, "metadata": metadata}),
    );
    extension.send_done("r-1");
    lambda.wait_for_next().await;
    let log = shut_down(&lambda, extension).await;
    (xray.received(), log)
}

#[tokio::test]
async fn a_policy_from_a_file_changes_documents_and_says_so_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("xray-policy.json");
    let policy = r#"{"mode": "enforce", "annotations": {"allowed": ["tenant"]}, "redact": {}}"#;
    std::fs::write(&path, policy).unwrap();
    let (documents, log) = with_policy(path.to_str().unwrap()).await;
    assert_eq!(documents.len(), 1, "{log}");
    assert_eq!(documents[0]["annotations"], json!({"tenant": "a"}));
    assert_eq!(
        documents[0]["metadata"],
        json!({"default": {"note": "to [email]"}})
    );
    assert_eq!(
        log,
        "xray-lambda-extension: policy (enforce): 1 of 1 documents changed: annotations.allowed 1, redact email 1\n"
    );
}

#[tokio::test]
async fn a_policy_in_audit_changes_nothing_and_says_what_it_would_do() {
    let policy = r#"{"mode": "audit", "annotations": {"allowed": ["tenant"]}}"#;
    let (documents, log) = with_policy(policy).await;
    assert_eq!(
        documents[0]["annotations"],
        json!({"tenant": "a", "mail": "b"})
    );
    assert_eq!(
        log,
        "xray-lambda-extension: policy (audit): 1 of 1 documents would change: annotations.allowed 1\n"
    );
}

#[tokio::test]
async fn under_a_wrong_policy_nothing_is_sent_and_one_line_says_why() {
    for (policy, reason) in [
        (
            "/nonexistent/policy.json",
            "cannot read \"/nonexistent/policy.json\"",
        ),
        (
            r#"{"mode": "enforce", "forbiden": []}"#,
            "XRAY_LAMBDA_POLICY:1:21: the policy has no setting \"forbiden\"; did you mean \"forbidden\"?",
        ),
    ] {
        let (documents, log) = with_policy(policy).await;
        assert_eq!(documents, Vec::<Value>::new(), "{log}");
        assert!(
            log.contains(reason) && log.contains("nothing is sent until it is right"),
            "{log}"
        );
        assert_eq!(log.lines().count(), 1, "{log}");
    }
}

/// Keeps only errors.
const KEEP: (&str, &str) = (
    "XRAY_LAMBDA_KEEP",
    r#"{"slower_than": 60000, "cold_starts": false, "fixed_rate": 0, "reservoir_size": 0}"#,
);
/// A trace header in which nobody has decided.
const UNDECIDED: &str = "Root=1-6750a1b2-00112233445566778899aabb;Lineage=1:2";
const FUNCTION_SEGMENT: (&str, &str) = ("XRAY_LAMBDA_FUNCTION_SEGMENT", "true");

/// Posts the start and the end of an invocation that nobody has sampled.
async fn report(lambda: &Lambda, request_id: &str, status: &str) {
    let events = json!([
        {"time": "2026-01-10T09:00:00.130Z", "type": "platform.start", "record": {"requestId": request_id}},
        {"time": "2026-01-10T09:00:00.171Z", "type": "platform.runtimeDone",
         "record": {"requestId": request_id, "status": status, "metrics": {"durationMs": 40.0}}},
    ]);
    assert_eq!(lambda.telemetry(&events.to_string()).await, 200);
}

#[tokio::test]
async fn keep_rules_send_a_failed_invocation_and_filter_out_a_good_one() {
    for (status, is_kept) in [("success", false), ("error", true)] {
        // Holds `/next` until the end, so that the decision precedes SHUTDOWN.
        let strategy = ("XRAY_LAMBDA_FLUSH_STRATEGY", "end");
        let (mut lambda, mut xray, extension) = start(&[KEEP, FUNCTION_SEGMENT, strategy]).await;
        lambda.invoke_with("r-1", FUNCTION_TIMEOUT, UNDECIDED).await;
        send(&extension, json!({"id": id(1)}));
        report(&lambda, "r-1", status).await;
        lambda.wait_for_next().await;
        // A late document of the trace follows its decision.
        send(&extension, json!({"id": id(2)}));
        let log = shut_down(&lambda, extension).await;
        let documents = xray.received();
        let has = |name: &str| documents.iter().any(|document| document["name"] == name);
        assert_eq!((has("orders"), has("work")), (is_kept, is_kept), "{log}");
        let works = documents
            .iter()
            .filter(|document| document["name"] == "work");
        assert_eq!(works.count(), if is_kept { 2 } else { 0 }, "{log}");
        let filtered = if is_kept {
            "0 traces filtered out, 1 kept: 1 errors"
        } else {
            "1 traces filtered out, 0 kept"
        };
        assert!(log.contains(filtered), "{log}");
        assert!(!log.contains("not every document"), "{log}");
    }
}

#[tokio::test]
async fn a_kept_trace_leaves_before_next_although_the_wrapper_signals_before_the_outcome() {
    let (mut lambda, mut xray, extension) = start(&[KEEP, FUNCTION_SEGMENT]).await;
    for number in 1.. {
        let request_id = format!("r-{number}");
        let header = UNDECIDED.replace("aabb;", &format!("{number:04};"));
        lambda
            .invoke_with(&request_id, FUNCTION_TIMEOUT, &header)
            .await;
        let trace_id = &header["Root=".len()..header.find(';').unwrap()];
        send_in(&extension, trace_id, json!({"id": id(number)}));
        let signalled = Instant::now();
        extension.send_done(&request_id);
        report(&lambda, &request_id, "error").await;
        let in_time = signalled.elapsed() < Duration::from_millis(50);
        lambda.wait_for_next().await;
        // On a busy machine, the outcome may come later than the signal waits for.
        if in_time {
            let documents = xray.received();
            let is_sent = documents
                .iter()
                .any(|document| document["id"] == id(number));
            assert!(is_sent, "{documents:?}");
            break;
        }
    }
    shut_down(&lambda, extension).await;
}

#[tokio::test]
async fn without_an_outcome_the_wrappers_signal_ends_the_hold_soon() {
    let (mut lambda, _xray, extension) = start(&[KEEP, FUNCTION_SEGMENT]).await;
    lambda.invoke_with("r-1", FUNCTION_TIMEOUT, UNDECIDED).await;
    send(&extension, json!({"id": id(1)}));
    let signalled = Instant::now();
    extension.send_done("r-1");
    lambda.wait_for_next().await;
    assert!(signalled.elapsed() < FUNCTION_TIMEOUT / 2);
    shut_down(&lambda, extension).await;
}

#[tokio::test]
async fn keep_rules_do_not_touch_a_trace_that_was_sampled_before() {
    let (mut lambda, mut xray, extension) = start(&[KEEP, FUNCTION_SEGMENT]).await;
    lambda.invoke("r-1", FUNCTION_TIMEOUT).await;
    send(&extension, json!({"id": id(1)}));
    xray.wait_for(&id(1)).await;
    extension.send_done("r-1");
    lambda.wait_for_next().await;
    let log = shut_down(&lambda, extension).await;
    assert_eq!(log, "");
}

#[tokio::test]
async fn shutdown_sends_the_documents_of_an_undecided_trace() {
    let (lambda, mut xray, extension) = start(&[KEEP, FUNCTION_SEGMENT]).await;
    lambda.invoke_with("r-1", FUNCTION_TIMEOUT, UNDECIDED).await;
    send(&extension, json!({"id": id(1)}));
    extension.send_done("r-1");
    shut_down(&lambda, extension).await;
    let documents = xray.received();
    assert!(
        documents.iter().any(|document| document["id"] == id(1)),
        "{documents:?}"
    );
}
