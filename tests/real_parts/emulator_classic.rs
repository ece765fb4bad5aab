//! The extension under AWS's own Lambda emulator, with an unmodified Python function that
//! uses the official X-Ray SDK.

use serde_json::json;
use xray_lambda_tests::emulator::{Emulator, Function, Mode};
use xray_lambda_tests::receiver::Receiver;
use xray_lambda_tests::{artifact, port, python};

const ROOT: &str = "1-6750a1b2-00112233445566778899aabb";
const PARENT: &str = "0efbd19962d95b05";

fn trace() -> String {
    format!("Root={ROOT};Parent={PARENT};Sampled=1")
}

/// Starts a sandbox with the Python function, and with the extension, which sends to
/// `receiver`.
async fn python_function(receiver: &Receiver, timeout_seconds: u32) -> Emulator {
    let folder = artifact::repository().join("tests/functions/python");
    let bootstrap = folder.join("bootstrap");
    let handler = folder.join("handler.py");
    let function = Function {
        handler: "handler.handler",
        files: vec![("bootstrap", &bootstrap), ("handler.py", &handler)],
        environment: vec![
            (
                "TESTS_PYTHON",
                python::program("python").display().to_string(),
            ),
            ("AWS_ENDPOINT_URL_XRAY", receiver.url()),
            ("AWS_XRAY_DAEMON_ADDRESS", port::daemon_address()),
            ("AWS_LAMBDA_FUNCTION_NAME", "orders".to_owned()),
            ("AWS_LAMBDA_FUNCTION_TIMEOUT", timeout_seconds.to_string()),
        ],
    };
    Emulator::start(Mode::Classic, &function).await
}

#[tokio::test]
async fn subsegments_of_the_official_python_sdk_reach_x_ray() {
    let receiver = Receiver::start();
    let sandbox = python_function(&receiver, 30).await;

    let response = sandbox
        .invoke(Some(&trace()), &json!({ "tenant": "a", "trace": trace() }))
        .await;
    assert_eq!(response.json()["tenant"], "a", "{}", sandbox.log());

    // The emulator waits for the extension's `/next`, so the extension has sent everything
    // before the response.
    let documents = receiver
        .wait_until("`work`", |d| !d.flat().named("work").is_empty())
        .await;
    documents.assert_valid();
    let flat = documents.flat();
    let work = flat.one("work");
    assert_eq!(work["trace_id"], ROOT);
    assert_eq!(work["parent_id"], PARENT);
    assert_eq!(work["annotations"]["tenant"], "a");
    assert_eq!(work["metadata"]["test"]["event"]["tenant"], "a");
    assert_eq!(flat.one("inner")["parent_id"], work["id"]);
}

#[tokio::test]
async fn requests_are_signed_for_x_ray() {
    let receiver = Receiver::start();
    let sandbox = python_function(&receiver, 30).await;
    sandbox
        .invoke(Some(&trace()), &json!({ "trace": trace() }))
        .await;
    receiver
        .wait_until("`work`", |d| !d.flat().named("work").is_empty())
        .await;

    let requests = receiver.requests();
    let put = requests
        .iter()
        .find(|request| request.path == "/TraceSegments");
    let authorization = &put.expect("a PutTraceSegments").authorization;
    assert!(
        authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"),
        "{authorization}"
    );
    assert!(
        authorization.contains("/eu-west-1/xray/aws4_request"),
        "{authorization}"
    );
}

#[tokio::test]
async fn the_extension_works_if_telemetry_is_refused() {
    let receiver = Receiver::start();
    let mut sandbox = python_function(&receiver, 30).await;

    for tenant in ["a", "b", "c"] {
        let event = json!({ "tenant": tenant, "trace": trace() });
        let response = sandbox.invoke(Some(&trace()), &event).await;
        assert_eq!(response.json()["tenant"], tenant, "{}", sandbox.log());
    }
    let registered = sandbox.wait_for_log_line("registered").await;
    assert!(registered.contains("xray-lambda-extension"), "{registered}");
    assert!(
        registered.ends_with("subscribed to [INVOKE SHUTDOWN]"),
        "{registered}"
    );
    assert_eq!(
        sandbox.subscribe_to_telemetry().await.status,
        202,
        "{}",
        sandbox.log()
    );

    sandbox.shut_down().await;
    assert_eq!(tenants(&receiver), ["a", "b", "c"], "{}", sandbox.log());
}

#[tokio::test]
async fn a_failure_of_the_handler_is_a_fault_in_the_trace() {
    let receiver = Receiver::start();
    let sandbox = python_function(&receiver, 30).await;

    let response = sandbox
        .invoke(Some(&trace()), &json!({ "do": "fail", "trace": trace() }))
        .await;
    assert_eq!(response.json()["errorType"], "ValueError");

    let documents = receiver
        .wait_until("`work`", |d| !d.flat().named("work").is_empty())
        .await;
    let flat = documents.flat();
    let work = flat.one("work");
    assert_eq!(work["fault"], true);
    assert_eq!(
        work["cause"]["exceptions"][0]["message"],
        "the event says so"
    );
}

#[tokio::test]
async fn the_invocation_after_a_crash_of_the_function_is_traced() {
    let receiver = Receiver::start();
    let mut sandbox = python_function(&receiver, 30).await;

    let crashed = sandbox
        .invoke(
            Some(&trace()),
            &json!({ "do": "exit", "tenant": "crash", "trace": trace() }),
        )
        .await;
    assert_eq!(
        crashed.json()["errorType"],
        "Runtime.ExitError",
        "{}",
        sandbox.log()
    );
    let next = sandbox
        .invoke(
            Some(&trace()),
            &json!({ "tenant": "next", "trace": trace() }),
        )
        .await;
    assert_eq!(next.json()["tenant"], "next", "{}", sandbox.log());

    sandbox.shut_down().await;
    assert_eq!(tenants(&receiver), ["crash", "next"], "{}", sandbox.log());
}

#[tokio::test]
async fn the_invocation_after_a_timeout_of_the_function_is_traced() {
    let receiver = Receiver::start();
    // The emulator's timeout includes the start of the function.
    let mut sandbox = python_function(&receiver, 6).await;
    let event =
        |tenant: &str, what: &str| json!({ "do": what, "tenant": tenant, "trace": trace() });

    let first = sandbox
        .invoke(Some(&trace()), &event("first", "work"))
        .await;
    assert_eq!(first.json()["tenant"], "first", "{}", sandbox.log());
    let late = sandbox.invoke(Some(&trace()), &event("late", "hang")).await;
    assert!(
        late.body.contains("Task timed out after 6.00 seconds"),
        "{}",
        late.body
    );
    let next = sandbox.invoke(Some(&trace()), &event("next", "work")).await;
    assert_eq!(next.json()["tenant"], "next", "{}", sandbox.log());

    sandbox.shut_down().await;
    assert_eq!(
        tenants(&receiver),
        ["first", "late", "next"],
        "{}",
        sandbox.log()
    );
}

#[tokio::test]
async fn documents_that_x_ray_did_not_accept_in_time_are_sent_at_shutdown() {
    let mut receiver = Receiver::start();
    let mut sandbox = python_function(&receiver, 30).await;

    receiver.stop_listening().await;
    let response = sandbox
        .invoke(Some(&trace()), &json!({ "tenant": "a", "trace": trace() }))
        .await;
    assert_eq!(response.json()["tenant"], "a", "{}", sandbox.log());
    receiver.listen_again();
    assert!(receiver.documents().as_slice().is_empty());

    sandbox.shut_down().await;
    assert_eq!(tenants(&receiver), ["a"], "{}", sandbox.log());
}

#[tokio::test]
async fn the_extension_exits_by_itself_after_shutdown() {
    let receiver = Receiver::start();
    let mut sandbox = python_function(&receiver, 30).await;
    sandbox
        .invoke(Some(&trace()), &json!({ "trace": trace() }))
        .await;

    let before = std::time::Instant::now();
    sandbox.shut_down().await;
    // The emulator kills an extension after two seconds.
    let log = sandbox.log();
    assert!(
        before.elapsed().as_millis() < 1900,
        "SHUTDOWN took {:?}:\n{log}",
        before.elapsed()
    );
    let killed = log
        .lines()
        .find(|line| line.contains("SIGKILL") && line.contains("extension"));
    assert_eq!(killed, None, "{log}");
}

/// The `tenant` of each received `work` subsegment, in order of arrival.
fn tenants(receiver: &Receiver) -> Vec<String> {
    let flat = receiver.documents().flat();
    let tenants = flat
        .named("work")
        .into_iter()
        .map(|work| &work["annotations"]["tenant"]);
    tenants
        .map(|tenant| tenant.as_str().unwrap_or_default().to_owned())
        .collect()
}
