//! Lambda's `Invoke` API.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{
    FakeInvoke, ROOT, Segments, TestResponse, failure, header, outcome, without_memory,
};
use axum::body::Body;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::{Request, request::Builder};
use serde_json::json;
use tower::ServiceExt as _;
use xray_document::Sampled;
use xray_local_gateway::{Invoke, lambda_router};
use xray_local_sandbox::{
    FunctionConfig, InvokeError, LogSink, LogSource, Sandbox, SandboxConfig, TracingMode,
};

fn post(function: &str) -> Builder {
    Request::post(format!("/2015-03-31/functions/{function}/invocations"))
}

fn empty(request: Builder) -> Request<Body> {
    request.body(Body::empty()).unwrap()
}

/// A call of the function without a payload.
fn call(function: &str) -> Request<Body> {
    empty(post(function))
}

/// A call of `items` with this header.
fn with_header(name: &str, value: &str) -> Request<Body> {
    empty(post("items").header(name, value))
}

/// A call of `items` with this payload.
fn with_body(body: impl Into<Body>) -> Request<Body> {
    post("items").body(body.into()).unwrap()
}

async fn send(invoke: &Arc<impl Invoke>, request: Request<Body>) -> TestResponse {
    TestResponse::of(
        lambda_router(invoke.clone())
            .oneshot(request)
            .await
            .unwrap(),
    )
    .await
}

#[tokio::test]
async fn the_response_has_the_functions_result_and_the_invocations_id() {
    let invoke = FakeInvoke::returning(json!({ "a": 1 }));
    let request = post("items")
        .header("x-amz-invocation-type", "RequestResponse")
        .header("x-amzn-trace-id", header(Sampled::Yes).to_string())
        .header(
            "x-amz-client-context",
            BASE64_STANDARD.encode(r#"{"custom":{"k":"v"}}"#),
        );
    let response = send(&invoke, request.body(Body::from(r#"{"in":true}"#)).unwrap()).await;
    assert_eq!((response.status, response.json()), (200, json!({ "a": 1 })));
    assert_eq!(
        response.header("x-amzn-requestid"),
        Some("8b2c4d6e-0000-4000-8000-000000000001")
    );
    assert_eq!(response.header("x-amz-executed-version"), Some("$LATEST"));
    assert_eq!(response.header("x-amz-function-error"), None);
    assert_eq!(response.header("x-amz-log-result"), None);
    assert!(
        response
            .header("x-amzn-trace-id")
            .unwrap()
            .starts_with(&format!("Root={ROOT}"))
    );
    let (function, invocation) = invoke.last();
    assert_eq!(
        (function.as_str(), &invocation.payload[..]),
        ("items", br#"{"in":true}"#.as_slice())
    );
    assert_eq!(invocation.trace_header, Some(header(Sampled::Yes)));
    assert_eq!(
        invocation.client_context.as_deref(),
        Some(r#"{"custom":{"k":"v"}}"#)
    );
}

#[tokio::test]
async fn the_log_is_sent_if_the_caller_asks_for_it() {
    let invoke = FakeInvoke::returning(json!(1));
    let response = send(&invoke, with_header("x-amz-log-type", "Tail")).await;
    let log = BASE64_STANDARD
        .decode(response.header("x-amz-log-result").unwrap())
        .unwrap();
    assert_eq!(log, b"START RequestId: 8b2c\nREPORT RequestId: 8b2c\n");
}

#[tokio::test]
async fn a_function_error_has_status_200_and_a_header() {
    let invoke = FakeInvoke::new(|_, invocation| Ok(failure(invocation)));
    let response = send(&invoke, call("items")).await;
    assert_eq!(
        (response.status, response.header("x-amz-function-error")),
        (200, Some("Unhandled"))
    );
    assert_eq!(response.json()["errorMessage"], "boom");
}

#[tokio::test]
async fn a_missing_payload_becomes_an_empty_object() {
    let invoke = FakeInvoke::returning(json!(null));
    let response = send(&invoke, call("items")).await;
    assert_eq!(
        (response.status, &response.body[..]),
        (200, b"null".as_slice())
    );
    assert_eq!(&invoke.last().1.payload[..], b"{}");
}

#[tokio::test]
async fn an_asynchronous_invocation_is_accepted_and_runs() {
    let (ran, mut runs) = tokio::sync::mpsc::unbounded_channel();
    let invoke = FakeInvoke::new(move |function, invocation| {
        ran.send(function.to_owned()).unwrap();
        Ok(outcome(invocation, "1"))
    });
    let response = send(
        &invoke,
        post("items")
            .header("x-amz-invocation-type", "Event")
            .body(Body::from("{}"))
            .unwrap(),
    )
    .await;
    assert_eq!((response.status, response.body.len()), (202, 0));
    assert!(response.header("x-amzn-requestid").is_some());
    let ran = tokio::time::timeout(Duration::from_secs(20), runs.recv())
        .await
        .unwrap();
    assert_eq!(ran.as_deref(), Some("items"));
}

#[tokio::test(start_paused = true)]
async fn a_throttled_asynchronous_invocation_is_tried_again() {
    let (ran, mut runs) = tokio::sync::mpsc::unbounded_channel();
    let throttles = std::sync::atomic::AtomicUsize::new(3);
    let invoke = FakeInvoke::new(move |_, invocation| {
        use std::sync::atomic::Ordering::SeqCst;
        if throttles
            .fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1))
            .is_ok()
        {
            return Err(InvokeError::TooManyRequests("busy".to_owned()));
        }
        ran.send(()).unwrap();
        Ok(outcome(invocation, "1"))
    });
    send(&invoke, with_header("x-amz-invocation-type", "Event")).await;
    runs.recv().await.unwrap();
    assert_eq!(invoke.seen.lock().unwrap().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_asynchronous_invocations_wait_at_a_time() {
    let invoke = FakeInvoke::after(Duration::from_secs(1), json!(1));
    let router = lambda_router(invoke.clone());
    let event = || empty(post("items").header("x-amz-invocation-type", "Event"));
    let status = async || router.clone().oneshot(event()).await.unwrap().status();
    for _ in 0..1_000 {
        assert_eq!(status().await, 202);
    }
    let response = TestResponse::of(router.clone().oneshot(event()).await.unwrap()).await;
    assert_eq!(
        (response.status, response.header("x-amzn-errortype")),
        (429, Some("TooManyRequestsException"))
    );
    assert_eq!(response.header("retry-after"), Some("5"));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(status().await, 202);
}

#[tokio::test]
async fn a_dry_run_runs_nothing() {
    let invoke = FakeInvoke::returning(json!(1));
    for (function, status) in [("items", 204), ("missing", 404)] {
        let request = empty(post(function).header("x-amz-invocation-type", "DryRun"));
        assert_eq!(send(&invoke, request).await.status, status);
    }
    assert!(invoke.seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_arn_names_the_function_encoded_as_the_sdks_do_or_not() {
    let invoke = FakeInvoke::returning(json!(1));
    for (name, invoked) in [
        (
            "arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Aitems",
            "items",
        ),
        (
            "arn:aws:lambda:us-east-1:123456789012:function:items:$LATEST",
            "function:items:$LATEST",
        ),
        ("123456789012:function:items", "items"),
        ("items:live", "function:items:live"),
    ] {
        assert_eq!(send(&invoke, call(name)).await.status, 200, "{name}");
        assert_eq!(invoke.last().0, invoked);
    }
}

#[tokio::test]
async fn the_function_receives_the_qualifier_of_the_name_or_of_the_query() {
    let invoke = FakeInvoke::returning(json!(1));
    for (name, query) in [
        ("items", "?Qualifier=live"),
        ("items", "?a=b&Qualifier=%6Cive"),
        ("items:live", "?Qualifier=live"),
        ("items:live", ""),
    ] {
        let path = format!("/2015-03-31/functions/{name}/invocations{query}");
        let response = send(&invoke, empty(Request::post(path))).await;
        assert_eq!(response.status, 200, "{name}{query}");
        assert_eq!(response.header("x-amz-executed-version"), Some("$LATEST"));
        assert_eq!(invoke.last().0, "function:items:live");
    }
}

#[tokio::test]
async fn a_function_of_another_account_or_region_is_not_found() {
    let invoke = FakeInvoke::returning(json!(1));
    for name in [
        "arn:aws:lambda:eu-west-1:123456789012:function:items",
        "arn:aws:lambda:us-east-1:999999999999:function:items:live",
        "999999999999:function:items",
    ] {
        for kind in ["RequestResponse", "Event", "DryRun"] {
            let request = empty(post(name).header("x-amz-invocation-type", kind));
            let response = send(&invoke, request).await;
            assert_eq!(response.status, 404, "{kind} of {name}");
            assert_eq!(
                response.header("x-amzn-errortype"),
                Some("ResourceNotFoundException")
            );
            let message = format!("Function not found: {name}");
            assert_eq!(
                response.json(),
                json!({ "Type": "User", "Message": message })
            );
        }
    }
    assert!(invoke.seen.lock().unwrap().is_empty());
}

struct NoLog;

impl LogSink for NoLog {
    fn line(&self, _function: &str, _source: LogSource, _line: &str) {}
}

#[tokio::test]
async fn the_sandbox_has_only_the_functions_of_its_account_and_region() {
    let sandbox = Sandbox::new(
        SandboxConfig::default(),
        Arc::<Segments>::default(),
        Arc::new(NoLog),
    );
    sandbox.add_function(FunctionConfig {
        name: "items".to_owned(),
        region: "us-east-1".to_owned(),
        account_id: "123456789012".to_owned(),
        handler: "app.handler".to_owned(),
        task_root: "/".into(),
        bootstrap: "/bootstrap".into(),
        extensions: Vec::new(),
        timeout: Duration::from_secs(3),
        memory_mb: 128,
        tracing: TracingMode::PassThrough,
        environment: Default::default(),
    });
    let sandbox = Arc::new(sandbox);
    for (name, status) in [
        ("items", 204),
        ("items:live", 204),
        ("123456789012:function:items", 204),
        ("arn:aws:lambda:us-east-1:123456789012:function:items", 204),
        ("arn:aws:lambda:eu-west-1:123456789012:function:items", 404),
        ("arn:aws:lambda:us-east-1:999999999999:function:items", 404),
        ("orders", 404),
    ] {
        let request = empty(post(name).header("x-amz-invocation-type", "DryRun"));
        let response = send(&sandbox, request).await;
        assert_eq!(response.status, status, "{name}");
    }
}

#[tokio::test]
async fn an_error_has_lambdas_status_code_and_form() {
    for (error, status, code, kind) in [
        (
            InvokeError::UnknownFunction("items".to_owned()),
            404,
            "ResourceNotFoundException",
            "User",
        ),
        (
            InvokeError::TooManyRequests("busy".to_owned()),
            429,
            "TooManyRequestsException",
            "User",
        ),
        (
            InvokeError::RequestTooLarge(7_000_000),
            413,
            "RequestTooLargeException",
            "User",
        ),
        (
            InvokeError::CannotStart("no bootstrap".to_owned()),
            502,
            "InvalidRuntimeException",
            "Service",
        ),
        (
            InvokeError::ShuttingDown,
            503,
            "ServiceException",
            "Service",
        ),
    ] {
        let rejection = error.clone();
        let invoke = FakeInvoke::new(move |_, _| Err(rejection.clone()));
        let response = send(&invoke, call("items")).await;
        assert_eq!(
            (response.status, response.header("x-amzn-errortype")),
            (status, Some(code)),
            "{error:?}"
        );
        let body = response.json();
        assert_eq!(body["Type"], kind);
        let message = body
            .get("Message")
            .or(body.get("message"))
            .unwrap()
            .as_str()
            .unwrap();
        assert!(!message.is_empty());
        assert!(response.header("x-amzn-requestid").is_some());
    }
}

#[tokio::test]
async fn an_invalid_request_is_an_error_and_runs_nothing() {
    let not_utf_8 = vec![b'"', 0xff, b'"'];
    let over_6_mb = format!("\"{}\"", "a".repeat(6_291_455));
    let other_qualifier = "/2015-03-31/functions/items:1/invocations?Qualifier=2";
    let bad_qualifier = "/2015-03-31/functions/items/invocations?Qualifier=a%20b";
    let invoke = FakeInvoke::returning(json!(1));
    for (request, status, code) in [
        (call("missing"), 404, "ResourceNotFoundException"),
        (with_body("{"), 400, "InvalidRequestContentException"),
        (with_body(not_utf_8), 400, "InvalidRequestContentException"),
        (
            with_header("x-amz-client-context", "!"),
            400,
            "InvalidRequestContentException",
        ),
        (
            with_header("x-amz-client-context", "ew=="),
            400,
            "InvalidRequestContentException",
        ),
        (
            with_header("x-amz-invocation-type", "Soon"),
            400,
            "ValidationException",
        ),
        (call("a%20b"), 400, "ValidationException"),
        (
            empty(Request::post(other_qualifier)),
            400,
            "InvalidParameterValueException",
        ),
        (
            empty(Request::post(bad_qualifier)),
            400,
            "ValidationException",
        ),
        (with_body(over_6_mb), 413, "RequestTooLargeException"),
        (event_over_1_mb(), 413, "RequestTooLargeException"),
        (
            empty(Request::get("/2015-03-31/functions/items/invocations")),
            404,
            "UnknownOperationException",
        ),
        (empty(Request::get("/")), 404, "UnknownOperationException"),
    ] {
        let sent = format!("{request:?}");
        let response = send(&invoke, request).await;
        assert_eq!(
            (response.status, response.header("x-amzn-errortype")),
            (status, Some(code)),
            "{sent}"
        );
        assert_eq!(response.json()["Type"], "User");
    }
    assert!(invoke.seen.lock().unwrap().is_empty());
}

fn event_over_1_mb() -> Request<Body> {
    let body = format!("\"{}\"", "a".repeat(1 << 20));
    let request = post("items").header("x-amz-invocation-type", "Event");
    request.body(Body::from(body)).unwrap()
}

#[tokio::test]
async fn without_memory_for_the_payload_the_caller_should_try_again() {
    let invoke = FakeInvoke::returning(json!(1));
    let (request, held) = without_memory(post("items")).await;
    let response = send(&invoke, request).await;
    assert_eq!(response.status, 503);
    assert_eq!(
        response.header("x-amzn-errortype"),
        Some("ServiceException")
    );
    assert_eq!(response.header("retry-after"), Some("5"));
    assert!(invoke.seen.lock().unwrap().is_empty());
    drop(held);
}

#[tokio::test]
async fn an_event_of_exactly_6_mib_is_accepted() {
    let invoke = FakeInvoke::returning(json!(1));
    let whole = format!("\"{}\"", "a".repeat(6_291_454));
    assert_eq!(send(&invoke, with_body(whole)).await.status, 200);
}

#[tokio::test]
async fn an_event_nested_deeper_than_the_stack_is_accepted() {
    let invoke = FakeInvoke::returning(json!(1));
    let deep = "[".repeat(1 << 20) + &"]".repeat(1 << 20);
    assert_eq!(send(&invoke, with_body(deep)).await.status, 200);
}
