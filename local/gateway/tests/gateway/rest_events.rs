//! Events of a REST API.

use std::net::SocketAddr;

use crate::support::{FakeInvoke, Gateway, ok, rest};
use axum::body::Body;
use axum::extract::ConnectInfo;
use http::Request;
use lambda_http::RequestExt as _;
use serde_json::{Value, json};

async fn event_of(routes: &[&str], request: Request<Body>) -> (Value, Gateway) {
    let gateway = Gateway::new(rest(), routes, FakeInvoke::returning(ok()));
    let response = gateway.send(request).await;
    assert_eq!(response.status, 200, "{response:?}");
    (gateway.invoke.event(), gateway)
}

fn rich() -> Request<Body> {
    let mut request = Request::post("/items/a%20b?tag=1&tag=2&q=x+y%C3%A9")
        .header("host", "localhost:3000")
        .header("user-agent", "curl/8")
        .header("content-type", "application/json")
        .header("x-twice", "1")
        .header("x-twice", "2")
        .header("cookie", "a=1; b=2")
        .header("connection", "keep-alive")
        .body(Body::from(r#"{"message":"hi"}"#))
        .unwrap();
    let caller: SocketAddr = "127.0.0.9:5000".parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(caller));
    request
}

#[tokio::test]
async fn an_event_has_the_members_of_api_gateways() {
    let (event, _) = event_of(&["ANY /items/{pk}"], rich()).await;
    assert_eq!(event["resource"], "/items/{pk}");
    assert_eq!(
        event["path"], "/items/a%20b",
        "REST APIs do not decode paths"
    );
    assert_eq!(event["pathParameters"], json!({ "pk": "a%20b" }));
    assert_eq!(event["httpMethod"], "POST");
    assert_eq!(
        event["queryStringParameters"],
        json!({ "tag": "2", "q": "x yé" })
    );
    assert_eq!(
        event["multiValueQueryStringParameters"],
        json!({ "tag": ["1", "2"], "q": ["x yé"] })
    );
    assert_eq!(event["headers"]["Content-Type"], "application/json");
    assert_eq!(event["headers"]["X-Twice"], "2");
    assert_eq!(event["multiValueHeaders"]["X-Twice"], json!(["1", "2"]));
    assert_eq!(event["headers"]["Cookie"], "a=1; b=2");
    assert_eq!(event["headers"]["X-Forwarded-For"], "127.0.0.9");
    assert_eq!(event["headers"]["X-Forwarded-Port"], "3000");
    assert_eq!(event["headers"]["X-Forwarded-Proto"], "http");
    assert!(event["headers"].get("Connection").is_none());
    assert_eq!(event["body"], r#"{"message":"hi"}"#);
    assert_eq!(event["isBase64Encoded"], false);
    assert_eq!(event["stageVariables"], Value::Null);
    assert!(event.get("version").is_none());

    let context = &event["requestContext"];
    for (member, expected) in [
        ("accountId", "123456789012"),
        ("domainName", "localhost:3000"),
        ("domainPrefix", "localhost"),
        ("httpMethod", "POST"),
        ("path", "/items/a%20b"),
        ("protocol", "HTTP/1.1"),
        ("resourcePath", "/items/{pk}"),
        ("stage", "Prod"),
    ] {
        assert_eq!(context[member], expected, "{member}");
    }
    assert_eq!(context["identity"]["sourceIp"], "127.0.0.9");
    assert_eq!(context["identity"]["userAgent"], "curl/8");
    assert_eq!(context["identity"]["apiKey"], Value::Null);
    assert_eq!(context["apiId"].as_str().unwrap().len(), 10);
    assert_eq!(context["resourceId"].as_str().unwrap().len(), 6);
    assert_eq!(context["extendedRequestId"].as_str().unwrap().len(), 16);
    assert_eq!(context["requestId"].as_str().unwrap().len(), 36);
    assert!(context["requestTimeEpoch"].as_i64().unwrap() > 1_700_000_000_000);
    assert_eq!(
        context["requestTime"].as_str().unwrap().len(),
        "09/Apr/2015:12:34:56 +0000".len()
    );
}

#[tokio::test]
async fn missing_values_are_null() {
    let (event, _) = event_of(&["GET /"], crate::support::get("/")).await;
    for member in [
        "queryStringParameters",
        "multiValueQueryStringParameters",
        "pathParameters",
        "stageVariables",
        "body",
    ] {
        assert_eq!(
            event.as_object().unwrap().get(member),
            Some(&Value::Null),
            "{member}"
        );
    }
}

#[tokio::test]
async fn the_response_has_the_ids_of_the_event() {
    let gateway = Gateway::new(rest(), &["GET /"], FakeInvoke::returning(ok()));
    let response = gateway.get("/").await;
    let event = gateway.invoke.event();
    assert_eq!(
        response.header("x-amzn-requestid"),
        event["requestContext"]["requestId"].as_str()
    );
    assert_eq!(
        response.header("x-amz-apigw-id"),
        event["requestContext"]["extendedRequestId"].as_str()
    );
}

#[tokio::test]
async fn a_body_that_is_not_utf_8_is_base64() {
    let request = Request::put("/")
        .body(Body::from(vec![0xff, 0x00, 0x80]))
        .unwrap();
    let (event, _) = event_of(&["PUT /"], request).await;
    assert_eq!(
        (&event["body"], &event["isBase64Encoded"]),
        (&json!("/wCA"), &json!(true))
    );
}

#[tokio::test]
async fn forwarded_addresses_of_the_caller_are_kept() {
    let request = Request::get("/")
        .header("x-forwarded-for", "203.0.113.7")
        .body(Body::empty())
        .unwrap();
    let (event, gateway) = event_of(&["GET /"], request).await;
    assert_eq!(
        event["headers"]["X-Forwarded-For"],
        "203.0.113.7, 127.0.0.1"
    );
    assert_eq!(event["requestContext"]["identity"]["sourceIp"], "127.0.0.1");
    assert_eq!(gateway.access().source_ip.to_string(), "127.0.0.1");
}

#[tokio::test]
async fn lambda_http_reads_the_event() {
    let (event, _) = event_of(&["ANY /items/{pk}"], rich()).await;
    let request = lambda_http::request::from_str(&event.to_string()).unwrap();
    assert_eq!(request.method(), "POST");
    assert_eq!(request.uri().host(), Some("localhost"));
    assert_eq!(
        request.uri().path(),
        "/Prod/items/a%20b",
        "lambda_http puts the stage before the path"
    );
    assert_eq!(request.raw_http_path(), "/items/a%20b");
    assert_eq!(request.path_parameters().first("pk"), Some("a%20b"));
    assert_eq!(
        request.query_string_parameters().all("tag"),
        Some(vec!["1", "2"])
    );
    assert_eq!(request.headers()["content-type"], "application/json");
    assert_eq!(
        request.body(),
        &lambda_http::Body::from(r#"{"message":"hi"}"#)
    );
}
