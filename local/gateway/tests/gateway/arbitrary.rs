//! Arbitrary requests and results: each gets a response, and `lambda_http` reads each event.

use crate::support::{FakeInvoke, Gateway, http_api, ok, outcome, rest, traced};
use axum::body::Body;
use http::{HeaderName, HeaderValue, Request};
use proptest::prelude::*;
use xray_document::Document;

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// A request that a client can send. `http` rejects invalid ones, which are filtered out.
fn request() -> impl Strategy<Value = Request<Body>> {
    let path = prop_oneof![
        "/[ -~]{0,30}",
        "(/(a|b|items|%2F|%ff|%|\\{x\\}|é)?){1,5}",
        Just("*".to_owned())
    ];
    let query = proptest::option::of("[ -~]{0,30}|(a|b|%C3|&|=|\\+|;){0,10}");
    let name =
        "[a-zA-Z0-9_-]{1,12}|host|cookie|x-forwarded-for|x-amzn-trace-id|content-type|user-agent";
    let headers =
        proptest::collection::vec((name, proptest::collection::vec(any::<u8>(), 0..20)), 0..6);
    let method = "GET|POST|PUT|OPTIONS|HEAD|[A-Z]{1,8}";
    let body = proptest::collection::vec(any::<u8>(), 0..50);
    (method, path, query, headers, body).prop_filter_map(
        "not a request",
        |(method, path, query, headers, body)| {
            let target = query.map_or(path.clone(), |query| format!("{path}?{query}"));
            let mut request = Request::builder().method(method.as_str()).uri(target);
            for (name, value) in headers {
                let (Ok(name), Ok(value)) =
                    (name.parse::<HeaderName>(), HeaderValue::from_bytes(&value))
                else {
                    continue;
                };
                request = request.header(name, value);
            }
            request.body(Body::from(body)).ok()
        },
    )
}

proptest! {
    #[test]
    fn any_request_is_answered_and_its_event_reads_back(request in request()) {
        let path = request.uri().path().to_owned();
        let keys = ["ANY /", "ANY /{proxy+}", "GET /items/new"];
        for api in [traced(), rest(), http_api()] {
            let gateway = Gateway::new(api, &keys, FakeInvoke::returning(ok()));
            let response = block_on(gateway.send(copy(&request, Body::from("x"))));
            let access = gateway.access();
            prop_assert_eq!(access.status, response.status);
            prop_assert!([200, 403, 404].contains(&response.status));
            if response.status != 200 {
                continue;
            }
            let event = gateway.invoke.event();
            let seen = event.get("path").or(event.get("rawPath")).and_then(|path| path.as_str());
            prop_assert!(seen.is_some_and(|seen| seen.starts_with('/')), "{} became {:?}", path, seen);
            let (_, invocation) = gateway.invoke.last();
            prop_assert!(invocation.trace_header.is_some_and(|header| header.root.is_some()));
            let read: Result<lambda_http::request::LambdaRequest, _> = serde_json::from_value(event.clone());
            prop_assert!(read.is_ok(), "{}", event);
        }
    }

    #[test]
    fn a_traced_stage_always_records_a_valid_document(request in request()) {
        let gateway = Gateway::new(traced(), &["ANY /", "ANY /{proxy+}"], FakeInvoke::returning(ok()));
        let response = block_on(gateway.send(request));
        for document in gateway.segments.0.lock().unwrap().iter() {
            let json = document.to_json().unwrap();
            prop_assert!(Document::parse(&json).is_ok(), "{}", json);
        }
        prop_assert!(response.status == 403 || gateway.segments.0.lock().unwrap().len() < 2);
    }

    #[test]
    fn any_result_becomes_a_response(result in proptest::collection::vec(any::<u8>(), 0..60), known in structured()) {
        for payload in [result, known.into_bytes()] {
            for api in [rest(), http_api()] {
                let bytes = payload.clone();
                let invoke = FakeInvoke::new(move |_, invocation| Ok(outcome(invocation, bytes.clone())));
                let gateway = Gateway::new(api, &["GET /"], invoke);
                let response = block_on(gateway.get("/"));
                prop_assert!((200..600).contains(&response.status));
                prop_assert_eq!(gateway.access().note.is_some(), [500, 502].contains(&response.status) && response.json()["message"].is_string());
            }
        }
    }
}

/// A text that resembles a proxy result.
fn structured() -> impl Strategy<Value = String> {
    let status = "200|404|\"201\"|null|99|1e3|-1|200.0|\\[\\]";
    let value = "null|\"[ -~&&[^\"\\\\]]{0,8}\"|7|true|\\[\"a\"\\]|\\{\\}";
    let member = (
        "headers|multiValueHeaders|cookies|body|isBase64Encoded|x",
        prop_oneof![
            value.prop_map(|v: String| v),
            ("[a-z -]{0,6}", value).prop_map(|(name, value)| format!("{{\"{name}\":{value}}}"))
        ],
    );
    (status, proptest::collection::vec(member, 0..4)).prop_map(|(status, members)| {
        let members: String = members
            .into_iter()
            .map(|(name, value)| format!(",\"{name}\":{value}"))
            .collect();
        format!("{{\"statusCode\":{status}{members}}}")
    })
}

/// The request with another body.
fn copy(request: &Request<Body>, body: Body) -> Request<Body> {
    let mut copy = Request::builder()
        .method(request.method())
        .uri(request.uri());
    for (name, value) in request.headers() {
        copy = copy.header(name, value);
    }
    copy.body(body).unwrap()
}
