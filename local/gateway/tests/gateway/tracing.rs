//! Trace headers, and the stage's segment.

use std::time::Duration;

use crate::support::{
    FakeInvoke, Gateway, PARENT, ROOT, header, http_api, ok, outcome, rest, traced,
};
use axum::body::Body;
use http::Request;
use serde_json::{Value, json};
use xray_document::{Document, Http, Sampled, TraceHeader};
use xray_local_sandbox::InvokeError;

fn with_header(text: &str) -> Request<Body> {
    Request::get("/items/1?secret=2")
        .header("host", "localhost:3000")
        .header("user-agent", "curl/8")
        .header("X-Amzn-Trace-Id", text)
        .body(Body::empty())
        .unwrap()
}

#[tokio::test]
async fn a_traced_stage_records_its_segment_and_the_call_of_the_function() {
    let result = json!({ "statusCode": 200, "body": "12345" });
    let invoke = FakeInvoke::returning(result.clone());
    let gateway = Gateway::new(traced(), &["GET /items/{pk}"], invoke);
    let text = format!("{};Lineage=a87bd80c:1", header(Sampled::Yes));
    let response = gateway.send(with_header(&text)).await;
    let event = gateway.invoke.event();
    let segment = gateway.segment();
    let document = Document::Segment(Box::new(segment.clone()));
    let stage: Value = serde_json::from_str(&document.to_json().unwrap()).unwrap();
    let call = &stage["subsegments"][0];

    assert_stage(&stage, &event["requestContext"]);
    assert_call(call, result.to_string().len());
    for time in [
        &stage["start_time"],
        &stage["end_time"],
        &call["start_time"],
        &call["end_time"],
    ] {
        assert!(time.as_f64().unwrap() > 1.7e9);
    }

    let (_, invocation) = gateway.invoke.last();
    let trace_header = invocation.trace_header.unwrap();
    assert_eq!(
        trace_header.to_string(),
        format!(
            "Root={ROOT};Parent={};Sampled=1;Lineage=a87bd80c:1",
            segment.subsegments[0].id
        )
    );
    assert_eq!(
        response.header("x-amzn-trace-id"),
        Some(format!("Root={ROOT};Sampled=1").as_str())
    );
    assert_eq!(gateway.access().trace_id.unwrap().to_string(), ROOT);
}

fn assert_stage(stage: &Value, request_context: &Value) {
    assert_eq!(stage["name"], "demo/Prod");
    assert_eq!(stage["trace_id"], ROOT);
    assert_eq!(stage["parent_id"], PARENT);
    assert_eq!(stage["origin"], "AWS::ApiGateway::Stage");
    let api_id = request_context["apiId"].as_str().unwrap();
    let request_id = &request_context["requestId"];
    assert_eq!(
        stage["resource_arn"],
        format!("arn:aws:apigateway:us-east-1::/restapis/{api_id}/stages/Prod")
    );
    assert_eq!(
        stage["http"],
        json!({
            "request": { "method": "GET", "url": "http://localhost:3000/items/1", "user_agent": "curl/8", "client_ip": "127.0.0.1" },
            "response": { "status": 200, "content_length": 5 },
        })
    );
    assert_eq!(
        stage["aws"]["api_gateway"],
        json!({
            "account_id": "123456789012", "rest_api_id": api_id, "stage": "Prod", "request_id": request_id,
        })
    );
    assert_eq!(
        stage["annotations"],
        json!({ "aws:api_id": api_id, "aws:api_stage": "Prod" })
    );
    assert_eq!(
        stage["metadata"]["default"],
        json!({
            "request_id": request_id, "extended_request_id": request_context["extendedRequestId"],
        })
    );
}

fn assert_call(call: &Value, response_bytes: usize) {
    assert_eq!(
        (&call["name"], &call["namespace"]),
        (&json!("Lambda"), &json!("aws"))
    );
    let arn = "arn:aws:lambda:us-east-1:123456789012:function:items";
    assert_eq!(
        call["aws"],
        json!({
            "function_name": "items", "region": "us-east-1", "operation": "Invoke", "resource_names": [arn],
        })
    );
    assert_eq!(
        call["http"],
        json!({
            "request": { "method": "POST", "url": format!("https://lambda.us-east-1.amazonaws.com/2015-03-31/functions/{arn}/invocations") },
            "response": { "status": 200, "content_length": response_bytes },
        })
    );
}

#[tokio::test]
async fn a_request_without_a_trace_header_starts_a_trace() {
    for text in [
        "",
        "junk",
        "Sampled=1",
        "Parent=53995c3f42cd8ad8",
        "Root=;Sampled=?",
    ] {
        let gateway = Gateway::new(traced(), &["GET /items/{pk}"], FakeInvoke::returning(ok()));
        gateway.send(with_header(text)).await;
        let segment = gateway.segment();
        assert_eq!(segment.parent_id, None, "{text}");
        let trace_header = gateway.invoke.last().1.trace_header.unwrap();
        assert_eq!(
            (trace_header.root, trace_header.sampled),
            (Some(segment.trace_id), Sampled::Yes)
        );
        let event = gateway.invoke.event();
        let seen = TraceHeader::parse(event["headers"]["X-Amzn-Trace-Id"].as_str().unwrap());
        assert_eq!(
            seen.root,
            Some(segment.trace_id),
            "the event names the trace"
        );
    }
}

#[tokio::test]
async fn a_request_that_the_caller_does_not_sample_has_no_segment_and_keeps_its_header() {
    let gateway = Gateway::new(traced(), &["GET /items/{pk}"], FakeInvoke::returning(ok()));
    let incoming = header(Sampled::No);
    let response = gateway.send(with_header(&incoming.to_string())).await;
    assert!(gateway.segments.0.lock().unwrap().is_empty());
    assert_eq!(gateway.invoke.last().1.trace_header, Some(incoming));
    assert_eq!(
        response.header("x-amzn-trace-id"),
        Some(format!("Root={ROOT};Sampled=0").as_str())
    );
}

#[tokio::test]
async fn an_api_that_does_not_trace_passes_the_header_through() {
    for api in [rest(), http_api()] {
        let gateway = Gateway::new(api, &["GET /items/{pk}"], FakeInvoke::returning(ok()));
        gateway
            .send(with_header(&header(Sampled::Yes).to_string()))
            .await;
        gateway.send(with_header("")).await;
        let seen = gateway.invoke.seen.lock().unwrap();
        assert_eq!(seen[0].1.trace_header, Some(header(Sampled::Yes)));
        let made = seen[1].1.trace_header.clone().unwrap();
        assert!(
            made.root.is_some() && made.parent.is_none() && made.sampled == Sampled::Undecided,
            "{made}"
        );
        assert!(gateway.segments.0.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn without_a_decision_of_the_api_the_response_has_the_functions() {
    let invoke = FakeInvoke::new(|_, invocation| {
        let mut outcome = outcome(invocation, ok().to_string());
        outcome.trace_header.sampled = Sampled::Yes;
        Ok(outcome)
    });
    let gateway = Gateway::new(rest(), &["GET /items/{pk}"], invoke);
    let response = gateway.send(with_header(&format!("Root={ROOT}"))).await;
    assert_eq!(
        response.header("x-amzn-trace-id"),
        Some(format!("Root={ROOT};Sampled=1").as_str())
    );
}

#[tokio::test]
async fn flags_of_segment_and_subsegment_follow_their_status() {
    let returning =
        |status: u16| FakeInvoke::returning(json!({ "statusCode": status, "body": "" }));
    let rejecting = |error: InvokeError| FakeInvoke::new(move |_, _| Err(error.clone()));
    let throttled = rejecting(InvokeError::TooManyRequests(String::new()));
    let unstartable = rejecting(InvokeError::CannotStart(String::new()));
    let failing = FakeInvoke::new(|_, invocation| Ok(crate::support::failure(invocation)));
    let malformed = FakeInvoke::returning(json!([]));
    for (invoke, expected_stage, expected_call) in [
        (returning(200), (NO_FLAG, 200), (NO_FLAG, 200)),
        (returning(404), (ERROR, 404), (NO_FLAG, 200)),
        (returning(429), (THROTTLE, 429), (NO_FLAG, 200)),
        (returning(503), (FAULT, 503), (NO_FLAG, 200)),
        (malformed, (FAULT, 502), (NO_FLAG, 200)),
        (failing, (FAULT, 502), (FAULT, 200)),
        (throttled, (FAULT, 500), (THROTTLE, 429)),
        (unstartable, (FAULT, 502), (FAULT, 502)),
    ] {
        let gateway = Gateway::new(traced(), &["GET /"], invoke);
        gateway.get("/").await;
        let stage = gateway.segment();
        let call = &stage.subsegments[0];
        assert_eq!(
            (
                (stage.error, stage.throttle, stage.fault),
                status(&stage.http)
            ),
            expected_stage
        );
        assert_eq!(
            ((call.error, call.throttle, call.fault), status(&call.http)),
            expected_call
        );
    }
}

/// The flags `error`, `throttle` and `fault`.
type Flags = (bool, bool, bool);
const NO_FLAG: Flags = (false, false, false);
const ERROR: Flags = (true, false, false);
const THROTTLE: Flags = (true, true, false);
const FAULT: Flags = (false, false, true);

fn status(http: &Option<Http>) -> i64 {
    let response = http.clone().unwrap().response;
    response.unwrap().status.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_call_that_timed_out_is_a_fault_without_a_response() {
    let gateway = Gateway::new(
        traced(),
        &["GET /"],
        FakeInvoke::after(Duration::from_secs(40), ok()),
    );
    gateway.get("/").await;
    let segment = gateway.segment();
    assert!(segment.fault && segment.subsegments[0].fault);
    assert!(
        segment.subsegments[0]
            .http
            .as_ref()
            .unwrap()
            .response
            .is_none()
    );
    assert!(segment.end_time.is_some() && segment.subsegments[0].end_time.is_some());
}

#[tokio::test]
async fn a_function_error_is_recorded_in_the_subsegment() {
    let gateway = Gateway::new(
        traced(),
        &["GET /"],
        FakeInvoke::new(|_, invocation| Ok(crate::support::failure(invocation))),
    );
    gateway.get("/").await;
    assert_eq!(
        gateway.segment().subsegments[0]
            .aws
            .str("function_error")
            .as_deref(),
        Some("Unhandled")
    );
}

#[tokio::test]
async fn the_first_forwarded_address_is_the_client() {
    let gateway = Gateway::new(traced(), &["GET /"], FakeInvoke::returning(ok()));
    let request = Request::get("/")
        .header("x-forwarded-for", "203.0.113.7, 10.0.0.1")
        .body(Body::empty())
        .unwrap();
    gateway.send(request).await;
    let request = gateway.segment().http.unwrap().request.unwrap();
    assert_eq!(
        (request.client_ip.as_deref(), request.x_forwarded_for),
        (Some("203.0.113.7"), true)
    );
}

#[tokio::test]
async fn a_request_without_a_route_is_not_traced() {
    let gateway = Gateway::new(traced(), &["GET /items"], FakeInvoke::returning(ok()));
    assert_eq!(gateway.get("/nowhere").await.status, 403);
    assert!(gateway.segments.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_request_is_traced_even_if_the_caller_disconnects() {
    let (started, mut invoked) = tokio::sync::mpsc::unbounded_channel();
    let invoke = FakeInvoke::new(move |_, invocation| {
        started.send(()).unwrap();
        Ok(outcome(invocation, ok().to_string()))
    });
    let gateway = Gateway::new(traced(), &["GET /"], invoke);
    // Poll once, so that the task exists, and drop.
    let mut request = Box::pin(gateway.get("/"));
    std::future::poll_fn(|context| {
        let _ = request.as_mut().poll(context);
        std::task::Poll::Ready(())
    })
    .await;
    drop(request);
    invoked.recv().await.unwrap();
    let recorded = async {
        while gateway.segments.0.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), recorded)
        .await
        .expect("the segment is recorded");
}
