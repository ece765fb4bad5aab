//! Responses: the function's result, or an error of the gateway.

use std::time::Duration;

use crate::support::{
    FakeInvoke, Gateway, TestResponse, http_api, ok, outcome, rest, with_routes, without_memory,
};
use axum::body::Body;
use http::Request;
use serde_json::{Value, json};
use xray_local_gateway::{Api, ApiGateway};
use xray_local_sandbox::InvokeError;

async fn response_to(api: Api, result: Value) -> (TestResponse, Gateway) {
    let gateway = Gateway::new(api, &["GET /"], FakeInvoke::returning(result));
    let response = gateway.get("/").await;
    (response, gateway)
}

#[tokio::test]
async fn a_proxy_result_becomes_the_response() {
    let result = json!({
        "statusCode": "201",
        "headers": { "Location": "/items/1", "x-number": 7, "x-null": null, "X-Both": "single" },
        "multiValueHeaders": { "Set-Cookie": ["a=1", "b=2"], "x-both": ["many"] },
        "body": "{\"pk\":\"1\"}",
    });
    let (response, gateway) = response_to(rest(), result).await;
    assert_eq!(response.status, 201);
    assert_eq!(response.header("location"), Some("/items/1"));
    assert_eq!(response.header("x-number"), Some("7"));
    assert_eq!(response.header("x-null"), None);
    assert_eq!(response.header("x-both"), Some("many"));
    assert_eq!(response.headers.get_all("set-cookie").iter().count(), 2);
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.json(), json!({ "pk": "1" }));
    let access = gateway.access();
    assert_eq!((access.status, access.note.as_deref()), (201, None));
    assert_eq!(access.function.as_deref(), Some("items"));
}

#[tokio::test]
async fn an_http_apis_cookies_are_headers_and_its_default_type_is_text() {
    let result = json!({ "statusCode": 200, "cookies": ["a=1", "b=2"], "body": "hi" });
    let (response, _) = response_to(http_api(), result).await;
    assert_eq!(response.headers.get_all("set-cookie").iter().count(), 2);
    assert_eq!(
        response.header("content-type"),
        Some("text/plain;charset=UTF-8")
    );
}

#[tokio::test]
async fn without_a_status_code_an_http_apis_result_is_the_body() {
    for (result, body) in [
        (json!({ "body": 1 }), r#"{"body":1}"#),
        (json!("Hello"), "Hello"),
        (json!([1, 2]), "[1,2]"),
        (json!(null), "null"),
    ] {
        let (response, _) = response_to(http_api(), result).await;
        assert_eq!(
            (response.status, &response.body[..]),
            (200, body.as_bytes())
        );
        assert_eq!(response.header("content-type"), Some("application/json"));
    }
}

#[tokio::test]
async fn a_result_nested_deeper_than_the_stack_can_be_a_body() {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let invoke = FakeInvoke::new({
        let deep = deep.clone();
        move |_, invocation| Ok(outcome(invocation, deep.clone()))
    });
    let gateway = Gateway::new(http_api(), &["GET /"], invoke.clone());
    let response = gateway.get("/").await;
    assert_eq!(
        (response.status, &response.body[..]),
        (200, deep.as_bytes())
    );
    let gateway = Gateway::new(rest(), &["GET /"], invoke);
    assert_eq!(gateway.get("/").await.status, 502);
}

#[tokio::test]
async fn a_base64_body_is_decoded() {
    let result = json!({ "statusCode": 200, "body": "/wCA", "isBase64Encoded": true, "headers": { "content-type": "image/png" } });
    for api in [rest(), http_api()] {
        let (response, _) = response_to(api, result.clone()).await;
        assert_eq!(&response.body[..], [0xff, 0x00, 0x80]);
        assert_eq!(response.header("content-type"), Some("image/png"));
    }
}

#[tokio::test]
async fn headers_that_only_the_gateway_sets_are_renamed_or_dropped() {
    let result = json!({
        "statusCode": 401,
        "headers": { "WWW-Authenticate": "Basic", "Content-Length": "999", "Transfer-Encoding": "chunked", "x-amzn-RequestId": "mine" },
        "body": "{}",
    });
    let (response, _) = response_to(rest(), result.clone()).await;
    assert_eq!(
        response.header("x-amzn-remapped-www-authenticate"),
        Some("Basic")
    );
    assert_eq!(
        response.header("x-amzn-remapped-content-length"),
        Some("999")
    );
    assert_eq!(response.header("transfer-encoding"), None);
    assert_eq!(response.header("content-length"), Some("2"));
    assert_ne!(response.header("x-amzn-requestid"), Some("mine"));
    let (response, _) = response_to(http_api(), result).await;
    assert_eq!(response.header("www-authenticate"), Some("Basic"));
    assert_eq!(response.header("content-length"), Some("2"));
}

#[tokio::test]
async fn a_malformed_result_is_an_error_and_the_log_has_the_reason() {
    for (result, reason) in [
        (json!({ "statusCode": 99, "body": "" }), "200 to 599"),
        (json!({ "statusCode": 100, "body": "" }), "200 to 599"),
        (json!({ "statusCode": 200.5 }), "200 to 599"),
        (json!({ "statusCode": [] }), "200 to 599"),
        (
            json!({ "statusCode": 200, "body": { "a": 1 } }),
            "body must be a string",
        ),
        (
            json!({ "statusCode": 200, "headers": "a" }),
            "headers must be",
        ),
        (
            json!({ "statusCode": 200, "headers": { "a b": "1" } }),
            "\"a b\"",
        ),
        (
            json!({ "statusCode": 200, "headers": { "a": "1\r\nb: 2" } }),
            "header a",
        ),
        (
            json!({ "statusCode": 200, "headers": { "a": {} } }),
            "headers must be",
        ),
        (
            json!({ "statusCode": 200, "body": "=", "isBase64Encoded": true }),
            "base64",
        ),
    ] {
        for (api, status, message) in [
            (rest(), 502, "Internal server error"),
            (http_api(), 500, "Internal Server Error"),
        ] {
            let (response, gateway) = response_to(api, result.clone()).await;
            assert_eq!(
                (response.status, response.message().as_str()),
                (status, message),
                "{result}"
            );
            let note = gateway.access().note.unwrap();
            assert!(
                note.contains("malformed proxy result of items") && note.contains(reason),
                "{note}"
            );
        }
    }
}

#[tokio::test]
async fn the_log_names_the_type_and_place_of_an_error_but_no_value() {
    let secret = "s3cret";
    for (result, reason) in [
        (
            json!({ "statusCode": 200, "headers": { "X-A": secret, "X-B": [secret] } }),
            "headers must be an object of strings, not an object with an array at \"X-B\"",
        ),
        (
            json!({ "statusCode": 200, "headers": secret }),
            "headers must be an object of strings, not a string",
        ),
        (
            json!({ "statusCode": secret }),
            "statusCode must be a number from 200 to 599, not a string",
        ),
        (
            json!({ "statusCode": 200, "body": { "a": secret } }),
            "(serialize JSON to a string), not an object",
        ),
        (
            json!({ "statusCode": 200, "headers": { "a": format!("{secret}\n") , "b": format!("1\n{secret}") } }),
            "header b has an invalid value",
        ),
        (
            json!({ "statusCode": 200, "body": secret, "isBase64Encoded": secret }),
            "isBase64Encoded must be true or false, not a string",
        ),
        (
            json!({ "statusCode": 200, "body": "s3cret!", "isBase64Encoded": true }),
            "the body is not base64",
        ),
    ] {
        for api in [rest(), http_api()] {
            let (_, gateway) = response_to(api, result.clone()).await;
            let note = gateway.access().note.unwrap();
            assert!(note.contains(reason), "{note}");
            assert!(!note.contains(secret), "{note}");
        }
    }
    for (body, kind) in [
        (json!({ "secret_key": 1 }), "an object"),
        (json!(["a", 1]), "an array"),
    ] {
        let result = json!({ "statusCode": 200, "body": body });
        let (_, gateway) = response_to(http_api(), result).await;
        let note = gateway.access().note.unwrap();
        let reason = format!("body must be a string (serialize JSON to a string), not {kind}");
        assert!(note.ends_with(&reason), "{note}");
    }
    let cookies = json!({ "statusCode": 200, "cookies": ["a=1", { "b": secret }] });
    let (_, gateway) = response_to(http_api(), cookies).await;
    let note = gateway.access().note.unwrap();
    let reason = "cookies must be an array of strings, not an array with an object at index 1";
    assert!(note.ends_with(reason), "{note}");
}

#[tokio::test]
async fn the_result_for_a_rest_api_must_be_an_object_of_known_members() {
    for (result, reason) in [
        (json!("Hello"), "not a string"),
        (json!(null), "not null"),
        (json!({ "statusCode": 200, "extra": 1 }), "\"extra\""),
    ] {
        let (response, gateway) = response_to(rest(), result).await;
        assert_eq!(response.status, 502);
        let note = gateway.access().note.unwrap();
        assert!(note.contains(reason), "{note}");
    }
}

#[tokio::test]
async fn the_log_shows_the_type_of_a_function_error_but_not_its_message() {
    for (api, status) in [(rest(), 502), (http_api(), 500)] {
        let invoke = FakeInvoke::new(|_, invocation| Ok(crate::support::failure(invocation)));
        let gateway = Gateway::new(api, &["GET /"], invoke);
        assert_eq!(gateway.get("/").await.status, status);
        let note = gateway.access().note.unwrap();
        assert!(
            note.contains("items failed: ") && !note.contains("boom"),
            "{note}"
        );
    }
}

#[tokio::test]
async fn a_function_that_cannot_run_has_api_gateways_status() {
    for (error, rest_status, http_status, reason) in [
        (
            InvokeError::UnknownFunction("items".to_owned()),
            500,
            500,
            "no function has this name",
        ),
        (
            InvokeError::TooManyRequests("100 at once".to_owned()),
            500,
            503,
            "throttled: 100 at once",
        ),
        (
            InvokeError::RequestTooLarge(7_000_000),
            413,
            413,
            "7000000 bytes",
        ),
        (
            InvokeError::CannotStart("no bootstrap".to_owned()),
            502,
            500,
            "no bootstrap",
        ),
        (InvokeError::ShuttingDown, 503, 503, "shutting down"),
    ] {
        for (api, status) in [(rest(), rest_status), (http_api(), http_status)] {
            let rejection = error.clone();
            let gateway = Gateway::new(
                api,
                &["GET /"],
                FakeInvoke::new(move |_, _| Err(rejection.clone())),
            );
            let response = gateway.get("/").await;
            assert_eq!(response.status, status, "{error:?}");
            let note = gateway.access().note.unwrap();
            assert!(note.contains(reason), "{note}");
        }
    }
}

#[tokio::test]
async fn without_a_route_the_log_lists_the_routes() {
    for (api, status, message) in [
        (rest(), 403, "Missing Authentication Token"),
        (http_api(), 404, "Not Found"),
    ] {
        let gateway = Gateway::new(
            api,
            &["GET /items/{pk}", "POST /items"],
            FakeInvoke::returning(ok()),
        );
        let response = gateway.get("/nowhere?secret=1").await;
        assert_eq!(
            (response.status, response.message().as_str()),
            (status, message)
        );
        let access = gateway.access();
        assert_eq!(access.function, None);
        let line = access.to_string();
        assert!(
            line.contains("\"GET /nowhere HTTP/1.1\"")
                && line.contains("POST /items, GET /items/{pk}"),
            "{line}"
        );
        assert!(!line.contains("secret"), "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_gateway_waits_no_longer_than_the_integration_timeout() {
    for (api, limit, status, message) in [
        (rest(), 29, 504, "Endpoint request timed out"),
        (http_api(), 30, 503, "Service Unavailable"),
    ] {
        for (delay, in_time) in [(limit - 1, true), (limit + 1, false)] {
            let gateway = Gateway::new(
                api.clone(),
                &["GET /"],
                FakeInvoke::after(Duration::from_secs(delay), ok()),
            );
            let response = gateway.get("/").await;
            assert_eq!(response.status, if in_time { 200 } else { status });
            if !in_time {
                assert_eq!(response.message(), message);
                assert!(
                    gateway
                        .access()
                        .note
                        .unwrap()
                        .contains(&format!("{limit} s"))
                );
            }
        }
    }
}

#[tokio::test]
async fn a_body_over_10_mb_reaches_no_function() {
    for api in [rest(), http_api()] {
        let gateway = Gateway::new(api, &["POST /"], FakeInvoke::returning(ok()));
        let body = |bytes: usize| {
            Request::post("/")
                .body(Body::from(vec![b'a'; bytes]))
                .unwrap()
        };
        assert_eq!(gateway.send(body(10 * 1024 * 1024)).await.status, 200);
        assert_eq!(gateway.send(body(10 * 1024 * 1024 + 1)).await.status, 413);
        assert_eq!(gateway.invoke.seen.lock().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn after_a_panic_the_next_request_works() {
    let invoke = FakeInvoke::new(|_, invocation| {
        let event: Value = serde_json::from_slice(&invocation.payload).unwrap();
        assert_ne!(event["path"], "/bug");
        Ok(outcome(invocation, ok().to_string()))
    });
    let gateway = Gateway::new(rest(), &["GET /{proxy+}"], invoke);
    assert_eq!(gateway.get("/bug").await.status, 500);
    assert_eq!(gateway.get("/fine").await.status, 200);
}

#[tokio::test]
async fn several_apis_share_an_address_unless_they_share_a_route() {
    let build = |api: Api, routes: &[&str], body: &str| {
        let invoke = FakeInvoke::returning(json!({ "statusCode": 200, "body": body }));
        let (segments, log) = (
            std::sync::Arc::<crate::support::Segments>::default(),
            std::sync::Arc::<crate::support::Log>::default(),
        );
        ApiGateway::new(with_routes(api, routes), invoke, segments, log).unwrap()
    };
    let apis = vec![
        build(rest(), &["GET /a"], "rest"),
        build(http_api(), &["GET /b"], "http"),
    ];
    let router = ApiGateway::router_of(apis).unwrap();
    for (path, status, body) in [("/a", 200, "rest"), ("/b", 200, "http"), ("/c", 403, "")] {
        let response = tower::ServiceExt::oneshot(router.clone(), crate::support::get(path))
            .await
            .unwrap();
        let response = TestResponse::of(response).await;
        assert_eq!(response.status, status);
        assert!(response.body.starts_with(body.as_bytes()));
    }
    let apis = vec![
        build(rest(), &["GET /a/{x}"], ""),
        build(http_api(), &["GET /a/{y}"], ""),
    ];
    let error = ApiGateway::router_of(apis).unwrap_err().to_string();
    assert!(
        error.contains("GET /a/{x}") && error.contains("GET /a/{y}"),
        "{error}"
    );
}

#[tokio::test]
async fn without_memory_for_the_body_the_caller_should_try_again() {
    for api in [rest(), http_api()] {
        let gateway = Gateway::new(api, &["POST /items"], FakeInvoke::returning(ok()));
        let request = Request::post("/items").header("host", "localhost:3000");
        let (request, held) = without_memory(request).await;
        let response = gateway.send(request).await;
        assert_eq!(response.status, 503);
        assert_eq!(response.header("retry-after"), Some("5"));
        assert_eq!(response.message(), "Service Unavailable");
        let note = gateway.access().note.unwrap();
        assert!(note.contains("use all memory for bodies"), "{note}");
        assert!(gateway.invoke.seen.lock().unwrap().is_empty());
        drop(held);
    }
}
