//! Trace headers, and the stage's segment.

use std::time::Duration;

use crate::support::{
    FakeInvoke, Gateway, PARENT, ROOT, header, http_api, ok, outcome, rest, traced,
};
use axum::body::Body;
use http::Request;
use serde_json::{Value, json};
use xray_document::{Document, Sampled, TraceHeader};
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
async fn a_traced_stage_draws_its_segment_and_the_call_of_the_function() {
    let result = json!({ "statusCode": 200, "body": "12345" });
    let gateway = Gateway::new(
        traced(),
        &["GET /items/{pk}"],
        FakeInvoke::answering(result.clone()),
    );
    let text = format!("{};Lineage=a87bd80c:1", header(Sampled::Yes));
    let response = gateway.send(with_header(&text)).await;
    let event = gateway.invoke.event();
    let segment = gateway.segment();
    let sent = Document::Segment(Box::new(segment.clone()))
        .to_json()
        .unwrap();
    let sent: Value = serde_json::from_str(&sent).unwrap();

    assert_eq!(sent["name"], "demo/Prod");
    assert_eq!(sent["trace_id"], ROOT);
    assert_eq!(sent["parent_id"], PARENT);
    assert_eq!(sent["origin"], "AWS::ApiGateway::Stage");
    let api_id = event["requestContext"]["apiId"].as_str().unwrap();
    let request_id = &event["requestContext"]["requestId"];
    assert_eq!(
        sent["resource_arn"],
        format!("arn:aws:apigateway:us-east-1::/restapis/{api_id}/stages/Prod")
    );
    assert_eq!(
        sent["http"],
        json!({
            "request": { "method": "GET", "url": "http://localhost:3000/items/1", "user_agent": "curl/8", "client_ip": "127.0.0.1" },
            "response": { "status": 200, "content_length": 5 },
        })
    );
    assert_eq!(
        sent["aws"]["api_gateway"],
        json!({
            "account_id": "123456789012", "rest_api_id": api_id, "stage": "Prod", "request_id": request_id,
        })
    );
    assert_eq!(
        sent["annotations"],
        json!({ "aws:api_id": api_id, "aws:api_stage": "Prod" })
    );
    assert_eq!(
        sent["metadata"]["default"],
        json!({
            "request_id": request_id, "extended_request_id": event["requestContext"]["extendedRequestId"],
        })
    );

    let call = &sent["subsegments"][0];
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
            "response": { "status": 200, "content_length": result.to_string().len() },
        })
    );
    for time in [
        &sent["start_time"],
        &sent["end_time"],
        &call["start_time"],
        &call["end_time"],
    ] {
        assert!(time.as_f64().unwrap() > 1.7e9);
    }

    let (_, invocation) = gateway.invoke.last();
    let under = invocation.trace_header.unwrap();
    assert_eq!(
        under.to_string(),
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

#[tokio::test]
async fn a_request_without_a_header_begins_a_trace() {
    for text in [
        "",
        "junk",
        "Sampled=1",
        "Parent=53995c3f42cd8ad8",
        "Root=;Sampled=?",
    ] {
        let gateway = Gateway::new(traced(), &["GET /items/{pk}"], FakeInvoke::answering(ok()));
        gateway.send(with_header(text)).await;
        let segment = gateway.segment();
        assert_eq!(segment.parent_id, None, "{text}");
        let under = gateway.invoke.last().1.trace_header.unwrap();
        assert_eq!(
            (under.root, under.sampled),
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
async fn what_the_caller_does_not_sample_is_not_drawn_and_goes_on_as_it_came() {
    let gateway = Gateway::new(traced(), &["GET /items/{pk}"], FakeInvoke::answering(ok()));
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
        let gateway = Gateway::new(api, &["GET /items/{pk}"], FakeInvoke::answering(ok()));
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
async fn the_response_tells_the_decision_of_the_function_where_the_api_took_none() {
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
async fn flags_follow_the_status_on_the_stage_and_on_the_call() {
    let answering =
        |status: u16| FakeInvoke::answering(json!({ "statusCode": status, "body": "" }));
    let refusing = |error: InvokeError| FakeInvoke::new(move |_, _| Err(error.clone()));
    let throttled = refusing(InvokeError::TooManyRequests(String::new()));
    let unstartable = refusing(InvokeError::CannotStart(String::new()));
    let failing = FakeInvoke::new(|_, invocation| Ok(crate::support::failure(invocation)));
    // (error, throttle, fault) and status, of the stage and of the call
    for (invoke, stage, call) in [
        (
            answering(200),
            ((false, false, false), 200),
            ((false, false, false), 200),
        ),
        (
            answering(404),
            ((true, false, false), 404),
            ((false, false, false), 200),
        ),
        (
            answering(429),
            ((true, true, false), 429),
            ((false, false, false), 200),
        ),
        (
            answering(503),
            ((false, false, true), 503),
            ((false, false, false), 200),
        ),
        (
            FakeInvoke::answering(json!([])),
            ((false, false, true), 502),
            ((false, false, false), 200),
        ),
        (
            failing,
            ((false, false, true), 502),
            ((false, false, true), 200),
        ),
        (
            throttled,
            ((false, false, true), 500),
            ((true, true, false), 429),
        ),
        (
            unstartable,
            ((false, false, true), 502),
            ((false, false, true), 502),
        ),
    ] {
        let gateway = Gateway::new(traced(), &["GET /"], invoke);
        gateway.get("/").await;
        let segment = gateway.segment();
        let status = |http: &Option<xray_document::Http>| {
            http.clone().unwrap().response.unwrap().status.unwrap()
        };
        let drawn = (
            (segment.error, segment.throttle, segment.fault),
            status(&segment.http),
        );
        assert_eq!(drawn, stage);
        let subsegment = &segment.subsegments[0];
        let drawn = (
            (subsegment.error, subsegment.throttle, subsegment.fault),
            status(&subsegment.http),
        );
        assert_eq!(drawn, call);
    }
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
async fn a_function_error_is_named_on_the_call() {
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
    let gateway = Gateway::new(traced(), &["GET /"], FakeInvoke::answering(ok()));
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
    let gateway = Gateway::new(traced(), &["GET /items"], FakeInvoke::answering(ok()));
    assert_eq!(gateway.get("/nowhere").await.status, 403);
    assert!(gateway.segments.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_caller_that_hangs_up_is_traced_all_the_same() {
    let (began, mut invoked) = tokio::sync::mpsc::unbounded_channel();
    let invoke = FakeInvoke::new(move |_, invocation| {
        began.send(()).unwrap();
        Ok(outcome(invocation, ok().to_string()))
    });
    let gateway = Gateway::new(traced(), &["GET /"], invoke);
    // Polled once, so that its task is there, and dropped.
    let mut request = Box::pin(gateway.get("/"));
    std::future::poll_fn(|context| {
        let _ = request.as_mut().poll(context);
        std::task::Poll::Ready(())
    })
    .await;
    drop(request);
    invoked.recv().await.unwrap();
    let drawn = async {
        while gateway.segments.0.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), drawn)
        .await
        .expect("the segment is drawn");
}
