//! The extension under AWS's own Lambda emulator, with a Python function that uses the official,
//! unmodified X-Ray SDK.

use serde_json::{Value, json};
use xray_lambda_tests::emulator::{Emulator, Function, Mode};
use xray_lambda_tests::http::Response;
use xray_lambda_tests::receiver::Receiver;
use xray_lambda_tests::{artifact, port, python};

const ROOT: &str = "1-6750a1b2-00112233445566778899aabb";
const PARENT: &str = "0efbd19962d95b05";

/// Starts the emulator with the Python function, and with the extension, which sends to
/// `receiver`.
async fn start_with_python_function(receiver: &Receiver, timeout_seconds: u32) -> Emulator {
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

/// Invokes the function with a trace header. In its classic mode the emulator does not pass the
/// header to the function. For this reason the event repeats it, and `handler.py` puts it into the
/// environment.
async fn invoke(emulator: &Emulator, mut event: Value) -> Response {
    let trace_header = format!("Root={ROOT};Parent={PARENT};Sampled=1");
    event["trace_header"] = trace_header.as_str().into();
    emulator.invoke(Some(&trace_header), &event).await
}

#[tokio::test]
async fn subsegments_of_the_official_python_sdk_reach_x_ray() {
    let receiver = Receiver::start();
    let emulator = start_with_python_function(&receiver, 30).await;

    let response = invoke(&emulator, json!({ "tenant": "a" })).await;
    assert_eq!(response.json()["tenant"], "a", "{}", emulator.log());

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
    let emulator = start_with_python_function(&receiver, 30).await;
    invoke(&emulator, json!({})).await;
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
    let mut emulator = start_with_python_function(&receiver, 30).await;

    for tenant in ["a", "b", "c"] {
        let event = json!({ "tenant": tenant });
        let response = invoke(&emulator, event).await;
        assert_eq!(response.json()["tenant"], tenant, "{}", emulator.log());
    }
    let registered = emulator.wait_for_log_line("registered").await;
    assert!(registered.contains("xray-lambda-extension"), "{registered}");
    assert!(
        registered.ends_with("subscribed to [INVOKE SHUTDOWN]"),
        "{registered}"
    );
    // The classic emulator has no Telemetry API. Its response to a subscription is 202, with this
    // error in the body.
    let refusal = emulator.subscribe_to_telemetry().await;
    assert_eq!(refusal.status, 202, "{}", emulator.log());
    assert_eq!(refusal.json()["errorType"], "Telemetry.NotSupported");

    emulator.shut_down().await;
    assert_eq!(tenants(&receiver), ["a", "b", "c"], "{}", emulator.log());
}

#[tokio::test]
async fn a_failure_of_the_handler_is_a_fault_in_the_trace() {
    let receiver = Receiver::start();
    let emulator = start_with_python_function(&receiver, 30).await;

    let response = invoke(&emulator, json!({ "do": "fail" })).await;
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
    let mut emulator = start_with_python_function(&receiver, 30).await;

    let crashed = invoke(&emulator, json!({ "do": "exit", "tenant": "crash" })).await;
    assert_eq!(
        crashed.json()["errorType"],
        "Runtime.ExitError",
        "{}",
        emulator.log()
    );
    let next = invoke(&emulator, json!({ "tenant": "next" })).await;
    assert_eq!(next.json()["tenant"], "next", "{}", emulator.log());

    emulator.shut_down().await;
    assert_eq!(tenants(&receiver), ["crash", "next"], "{}", emulator.log());
}

#[tokio::test]
async fn the_invocation_after_a_timeout_of_the_function_is_traced() {
    let receiver = Receiver::start();
    // The emulator's timeout includes the start of the function.
    let mut emulator = start_with_python_function(&receiver, 6).await;
    let event = |tenant: &str, action: &str| json!({ "do": action, "tenant": tenant });

    let first = invoke(&emulator, event("first", "work")).await;
    assert_eq!(first.json()["tenant"], "first", "{}", emulator.log());
    let late = invoke(&emulator, event("late", "hang")).await;
    assert!(
        late.body.contains("Task timed out after 6.00 seconds"),
        "{}",
        late.body
    );
    let next = invoke(&emulator, event("next", "work")).await;
    assert_eq!(next.json()["tenant"], "next", "{}", emulator.log());

    emulator.shut_down().await;
    assert_eq!(
        tenants(&receiver),
        ["first", "late", "next"],
        "{}",
        emulator.log()
    );
}

#[tokio::test]
async fn documents_that_x_ray_did_not_accept_in_time_are_sent_at_shutdown() {
    let mut receiver = Receiver::start();
    let mut emulator = start_with_python_function(&receiver, 30).await;

    receiver.stop_listening().await;
    let response = invoke(&emulator, json!({ "tenant": "a" })).await;
    assert_eq!(response.json()["tenant"], "a", "{}", emulator.log());
    assert!(receiver.documents().as_slice().is_empty());
    receiver.listen_again();

    emulator.shut_down().await;
    assert_eq!(tenants(&receiver), ["a"], "{}", emulator.log());
}

#[tokio::test]
async fn the_extension_exits_by_itself_after_shutdown() {
    let receiver = Receiver::start();
    let mut emulator = start_with_python_function(&receiver, 30).await;
    invoke(&emulator, json!({})).await;

    let start = std::time::Instant::now();
    emulator.shut_down().await;
    // The emulator kills an extension after two seconds.
    let log = emulator.log();
    assert!(
        start.elapsed().as_millis() < 1900,
        "SHUTDOWN took {:?}:\n{log}",
        start.elapsed()
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
