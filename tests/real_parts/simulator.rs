//! The extension under a second third-party Lambda: `lambda-simulator`, which has its own
//! Telemetry API (schema 2022-12-13) and freezes processes with SIGSTOP.

use std::collections::BTreeSet;
use std::time::Instant;

use lambda_simulator::DeliveryPolicy;
use serde_json::json;
use xray_lambda_tests::artifact;
use xray_lambda_tests::receiver::{Receiver, ScriptedResponse};

use crate::sandbox::{INVOCATION_TIMEOUT, Sandbox};

#[tokio::test]
async fn a_thousand_invocations_with_freezing_between_them_lose_no_document() {
    let receiver = Receiver::start();
    let mut sandbox = Sandbox::start(&receiver.url()).await;
    for _ in 0..1000 {
        sandbox.invoke(json!({ "documents": 2 })).await;
        sandbox.wait_until_frozen().await;
    }
    let sent = sandbox.shut_down().await;
    assert_eq!(sent.len(), 2000);
    assert_nothing_lost(&receiver, &sent);
}

#[tokio::test]
async fn a_thousand_invocations_of_a_traced_function_are_a_thousand_whole_traces() {
    let receiver = Receiver::start();
    let mut sandbox = Sandbox::start_with(&artifact::traced_function(), &receiver.url()).await;
    for _ in 0..1000 {
        sandbox.invoke(json!({ "tenant": "a" })).await;
        sandbox.wait_until_frozen().await;
    }
    let traces: Vec<_> = sandbox.traces().iter().map(ToString::to_string).collect();
    sandbox.shut_down().await;

    let documents = receiver.documents();
    documents.assert_strict();
    let flat = documents.flat();
    for name in ["work", "inner"] {
        let found: BTreeSet<_> = flat
            .named(name)
            .iter()
            .filter_map(|found| found["trace_id"].as_str())
            .collect();
        let lost: Vec<_> = traces
            .iter()
            .filter(|trace| !found.contains(trace.as_str()))
            .collect();
        assert!(
            lost.is_empty(),
            "`{name}` is lost in {} of 1000 traces",
            lost.len()
        );
    }
}

#[tokio::test]
async fn the_wrappers_signal_ends_an_invocation_without_telemetry() {
    let receiver = Receiver::start();
    let mut sandbox = Sandbox::start_with(&artifact::traced_function(), &receiver.url()).await;
    let suppress = DeliveryPolicy::Suppress;
    sandbox
        .simulator()
        .set_telemetry_delivery_policy("platform.runtimeDone", suppress)
        .await;
    for count in 1..=3 {
        let start = Instant::now();
        sandbox.invoke(json!({ "tenant": "a" })).await;
        sandbox.wait_until_frozen().await;
        assert!(
            start.elapsed() < INVOCATION_TIMEOUT / 2,
            "the extension waited for runtimeDone"
        );
        assert_eq!(receiver.documents().flat().named("work").len(), count);
    }
    sandbox.shut_down().await;
}

#[tokio::test]
async fn documents_reach_x_ray_before_the_sandbox_freezes() {
    let receiver = Receiver::start();
    let mut sandbox = Sandbox::start(&receiver.url()).await;
    sandbox.invoke(json!({ "documents": 3 })).await;
    sandbox.wait_until_frozen().await;
    assert_nothing_lost(&receiver, sandbox.sent());
}

#[tokio::test]
async fn nothing_is_lost_if_connections_die_in_a_freeze() {
    let mut receiver = Receiver::start();
    let mut sandbox = Sandbox::start(&receiver.url()).await;
    for _ in 0..50 {
        sandbox.invoke(json!({ "documents": 2 })).await;
        sandbox.wait_until_frozen().await;
        receiver.stop_listening().await;
        receiver.listen_again();
    }
    let sent = sandbox.shut_down().await;
    assert_eq!(sent.len(), 100);
    assert_nothing_lost(&receiver, &sent);
}

#[tokio::test]
async fn a_shutdown_right_after_an_invocation_loses_nothing() {
    let receiver = Receiver::start();
    let mut sent = BTreeSet::new();
    for _ in 0..20 {
        let mut sandbox = Sandbox::start(&receiver.url()).await;
        sandbox.invoke(json!({ "documents": 5 })).await;
        sent.append(&mut sandbox.shut_down().await);
    }
    assert_eq!(sent.len(), 100);
    assert_nothing_lost(&receiver, &sent);
}

#[tokio::test]
async fn while_x_ray_is_unreachable_no_invocation_fails_and_no_buffered_document_is_lost() {
    let mut receiver = Receiver::start();
    let mut sandbox = Sandbox::start(&receiver.url()).await;
    sandbox.invoke(json!({ "documents": 2 })).await;
    sandbox.wait_until_frozen().await;

    receiver.stop_listening().await;
    for _ in 0..20 {
        // `invoke` asserts that the invocation succeeds.
        sandbox
            .invoke(json!({ "documents": 2, "bytes": 500 }))
            .await;
        sandbox.wait_until_frozen().await;
    }
    receiver.listen_again();
    sandbox.invoke(json!({ "documents": 2 })).await;
    sandbox.wait_until_frozen().await;

    let sent = sandbox.shut_down().await;
    assert_eq!(sent.len(), 44);
    assert_nothing_lost(&receiver, &sent);
}

#[tokio::test]
async fn throttled_or_interrupted_batches_are_sent_again() {
    let receiver = Receiver::start();
    let mut sandbox = Sandbox::start(&receiver.url()).await;
    receiver.respond_next_with([
        ScriptedResponse::Throttle,
        ScriptedResponse::Unavailable,
        ScriptedResponse::CloseConnection,
    ]);
    for _ in 0..5 {
        sandbox.invoke(json!({ "documents": 2 })).await;
        sandbox.wait_until_frozen().await;
    }
    let sent = sandbox.shut_down().await;
    assert_eq!(sent.len(), 10);
    assert_nothing_lost(&receiver, &sent);
    let not_accepted = receiver
        .requests()
        .iter()
        .filter(|r| r.response != ScriptedResponse::Accept)
        .count();
    assert_eq!(not_accepted, 3, "a scripted response was not used");
}

#[tokio::test]
async fn without_telemetry_every_invocation_ends_and_nothing_is_lost() {
    let receiver = Receiver::start();
    let mut sandbox = Sandbox::start(&receiver.url()).await;
    for event in ["platform.start", "platform.runtimeDone", "platform.report"] {
        sandbox
            .simulator()
            .set_telemetry_delivery_policy(event, DeliveryPolicy::Suppress)
            .await;
    }
    for _ in 0..3 {
        let start = Instant::now();
        sandbox.invoke(json!({ "documents": 2 })).await;
        sandbox.wait_until_frozen().await;
        assert!(
            start.elapsed() < INVOCATION_TIMEOUT,
            "the extension waited until the deadline"
        );
    }
    let sent = sandbox.shut_down().await;
    assert_eq!(sent.len(), 6);
    assert_nothing_lost(&receiver, &sent);
}

/// Lambda's own segment, which the simulator does not make, has the fault.
#[tokio::test]
async fn an_error_that_the_function_reported_is_not_recorded_again() {
    let receiver = Receiver::start();
    let mut sandbox = Sandbox::start(&receiver.url()).await;
    sandbox.invoke_failing(json!({ "fail": true })).await;
    sandbox.wait_until_frozen().await;
    sandbox.invoke(json!({ "documents": 1 })).await;
    sandbox.wait_until_frozen().await;
    let root = sandbox.traces()[0].to_string();
    sandbox.shut_down().await;

    let documents = receiver.documents().of_trace(&root);
    documents.assert_strict();
    let faults = documents.as_slice().iter();
    let faults: Vec<_> = faults
        .filter(|document| document["fault"] == true)
        .collect();
    assert!(faults.is_empty(), "{documents}");
}

fn assert_nothing_lost(receiver: &Receiver, sent: &BTreeSet<String>) {
    let documents = receiver.documents();
    documents.assert_valid();
    let lost: Vec<_> = sent.difference(&documents.ids()).cloned().collect();
    assert!(
        lost.is_empty(),
        "{} of {} documents are lost: {lost:?}",
        lost.len(),
        sent.len()
    );
}
