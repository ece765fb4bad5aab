//! Lambda's `Invoke` API.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{FakeInvoke, ROOT, Segments, TestResponse, failure, header, outcome};
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
async fn the_response_is_the_functions_with_the_invocations_id() {
    let invoke = FakeInvoke::answering(json!({ "a": 1 }));
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
async fn the_log_comes_where_it_was_asked_for() {
    let invoke = FakeInvoke::answering(json!(1));
    let response = send(
        &invoke,
        post("items")
            .header("x-amz-log-type", "Tail")
            .body(Body::empty())
            .unwrap(),
    )
    .await;
    let log = BASE64_STANDARD
        .decode(response.header("x-amz-log-result").unwrap())
        .unwrap();
    assert_eq!(log, b"START RequestId: 8b2c\nREPORT RequestId: 8b2c\n");
}

#[tokio::test]
async fn a_function_error_is_a_200_that_says_so() {
    let invoke = FakeInvoke::new(|_, invocation| Ok(failure(invocation)));
    let response = send(&invoke, post("items").body(Body::empty()).unwrap()).await;
    assert_eq!(
        (response.status, response.header("x-amz-function-error")),
        (200, Some("Unhandled"))
    );
    assert_eq!(response.json()["errorMessage"], "boom");
}

#[tokio::test]
async fn no_payload_is_an_empty_object() {
    let invoke = FakeInvoke::answering(json!(null));
    let response = send(&invoke, post("items").body(Body::empty()).unwrap()).await;
    assert_eq!(
        (response.status, &response.body[..]),
        (200, b"null".as_slice())
    );
    assert_eq!(&invoke.last().1.payload[..], b"{}");
}

#[tokio::test]
async fn an_event_is_accepted_before_it_has_run_and_runs() {
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
async fn a_throttled_event_is_tried_again() {
    let (ran, mut runs) = tokio::sync::mpsc::unbounded_channel();
    let refusals = std::sync::atomic::AtomicUsize::new(3);
    let invoke = FakeInvoke::new(move |_, invocation| {
        use std::sync::atomic::Ordering::SeqCst;
        if refusals
            .fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1))
            .is_ok()
        {
            return Err(InvokeError::TooManyRequests("busy".to_owned()));
        }
        ran.send(()).unwrap();
        Ok(outcome(invocation, "1"))
    });
    send(
        &invoke,
        post("items")
            .header("x-amz-invocation-type", "Event")
            .body(Body::empty())
            .unwrap(),
    )
    .await;
    runs.recv().await.unwrap();
    assert_eq!(invoke.seen.lock().unwrap().len(), 4);
}

#[tokio::test]
async fn a_dry_run_runs_nothing() {
    let invoke = FakeInvoke::answering(json!(1));
    for (function, status) in [("items", 204), ("missing", 404)] {
        let request = post(function)
            .header("x-amz-invocation-type", "DryRun")
            .body(Body::empty())
            .unwrap();
        assert_eq!(send(&invoke, request).await.status, status);
    }
    assert!(invoke.seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_arn_names_the_function_as_the_sdks_encode_it() {
    let invoke = FakeInvoke::answering(json!(1));
    for name in [
        "arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Aitems",
        "arn:aws:lambda:us-east-1:123456789012:function:items:$LATEST",
        "123456789012:function:items",
        "items:live",
    ] {
        assert_eq!(
            send(&invoke, post(name).body(Body::empty()).unwrap())
                .await
                .status,
            200,
            "{name}"
        );
        assert_eq!(invoke.last().0, "items");
    }
}

#[tokio::test]
async fn a_function_of_another_account_or_region_is_not_found() {
    let invoke = FakeInvoke::answering(json!(1));
    for name in [
        "arn:aws:lambda:eu-west-1:123456789012:function:items",
        "arn:aws:lambda:us-east-1:999999999999:function:items:live",
        "999999999999:function:items",
    ] {
        for kind in ["RequestResponse", "Event", "DryRun"] {
            let request = post(name).header("x-amz-invocation-type", kind);
            let response = send(&invoke, request.body(Body::empty()).unwrap()).await;
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
        let request = post(name).header("x-amz-invocation-type", "DryRun");
        let response = send(&sandbox, request.body(Body::empty()).unwrap()).await;
        assert_eq!(response.status, status, "{name}");
    }
}

#[tokio::test]
async fn an_error_has_lambdas_status_code_and_shape() {
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
        let response = send(&invoke, post("items").body(Body::empty()).unwrap()).await;
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
async fn what_is_wrong_with_a_request_is_said() {
    let invoke = FakeInvoke::answering(json!(1));
    for (request, status, code) in [
        (
            post("missing").body(Body::empty()),
            404,
            "ResourceNotFoundException",
        ),
        (
            post("items").body(Body::from("{")),
            400,
            "InvalidRequestContentException",
        ),
        (
            post("items").body(Body::from(vec![b'"', 0xff, b'"'])),
            400,
            "InvalidRequestContentException",
        ),
        (
            post("items")
                .header("x-amz-client-context", "!")
                .body(Body::empty()),
            400,
            "InvalidRequestContentException",
        ),
        (
            post("items")
                .header("x-amz-client-context", "ew==")
                .body(Body::empty()),
            400,
            "InvalidRequestContentException",
        ),
        (
            post("items")
                .header("x-amz-invocation-type", "Soon")
                .body(Body::empty()),
            400,
            "ValidationException",
        ),
        (
            post("a%20b").body(Body::empty()),
            400,
            "ValidationException",
        ),
        (
            Request::post("/2015-03-31/functions/items:1/invocations?Qualifier=2")
                .body(Body::empty()),
            400,
            "InvalidParameterValueException",
        ),
        (
            post("items").body(Body::from(format!("\"{}\"", "a".repeat(6_291_556)))),
            413,
            "RequestTooLargeException",
        ),
        (
            post("items")
                .header("x-amz-invocation-type", "Event")
                .body(Body::from(format!("\"{}\"", "a".repeat(1 << 20)))),
            413,
            "RequestTooLargeException",
        ),
        (
            Request::get("/2015-03-31/functions/items/invocations").body(Body::empty()),
            404,
            "UnknownOperationException",
        ),
        (
            Request::get("/").body(Body::empty()),
            404,
            "UnknownOperationException",
        ),
    ] {
        let request = request.unwrap();
        let what = format!("{request:?}");
        let response = send(&invoke, request).await;
        assert_eq!(
            (response.status, response.header("x-amzn-errortype")),
            (status, Some(code)),
            "{what}"
        );
        assert_eq!(response.json()["Type"], "User");
    }
    assert!(invoke.seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_event_nested_deeper_than_any_stack_is_an_event() {
    let invoke = FakeInvoke::answering(json!(1));
    let deep = "[".repeat(1 << 20) + &"]".repeat(1 << 20);
    assert_eq!(
        send(&invoke, post("items").body(Body::from(deep)).unwrap())
            .await
            .status,
        200
    );
}
