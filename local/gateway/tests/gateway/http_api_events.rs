//! Events of an HTTP API, in both payload formats.

use crate::support::{FakeInvoke, Gateway, get, http_api, ok, with_routes};
use axum::body::Body;
use http::Request;
use lambda_http::RequestExt as _;
use serde_json::{Value, json};

async fn event_of(routes: &[&str], request: Request<Body>) -> Value {
    let gateway = Gateway::new(http_api(), routes, FakeInvoke::returning(ok()));
    let response = gateway.send(request).await;
    assert_eq!(response.status, 200, "{response:?}");
    gateway.invoke.event()
}

fn rich() -> Request<Body> {
    Request::post("/items/a%20b/c?tag=1&tag=2&q=x+y")
        .header("host", "127.0.0.1:3000")
        .header("user-agent", "curl/8")
        .header("content-type", "application/json")
        .header("x-twice", "1")
        .header("x-twice", "2")
        .header("cookie", "a=1; b=2")
        .body(Body::from(r#"{"message":"hi"}"#))
        .unwrap()
}

#[tokio::test]
async fn an_event_has_the_members_of_api_gateways() {
    let event = event_of(&["ANY /items/{proxy+}"], rich()).await;
    assert_eq!(event["version"], "2.0");
    assert_eq!(event["routeKey"], "ANY /items/{proxy+}");
    assert_eq!(event["rawPath"], "/items/a b/c", "HTTP APIs decode paths");
    assert_eq!(event["rawQueryString"], "tag=1&tag=2&q=x+y");
    assert_eq!(
        event["queryStringParameters"],
        json!({ "tag": "1,2", "q": "x y" })
    );
    assert_eq!(event["pathParameters"], json!({ "proxy": "a b/c" }));
    assert_eq!(event["cookies"], json!(["a=1", "b=2"]));
    assert_eq!(event["headers"]["x-twice"], "1,2");
    assert!(event["headers"].get("cookie").is_none());
    assert_eq!(event["headers"]["x-forwarded-port"], "3000");
    assert!(
        event["headers"]["x-amzn-trace-id"]
            .as_str()
            .unwrap()
            .starts_with("Root=1-")
    );
    assert_eq!(
        (&event["body"], &event["isBase64Encoded"]),
        (&json!(r#"{"message":"hi"}"#), &json!(false))
    );
    let context = &event["requestContext"];
    assert_eq!(
        context["http"],
        json!({
            "method": "POST", "path": "/items/a b/c", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "curl/8",
        })
    );
    assert_eq!(context["domainName"], "127.0.0.1:3000");
    assert_eq!(context["domainPrefix"], "127.0.0.1");
    assert_eq!(context["stage"], "$default");
    assert_eq!(context["routeKey"], "ANY /items/{proxy+}");
    assert!(context["timeEpoch"].as_i64().unwrap() > 1_700_000_000_000);
}

#[tokio::test]
async fn missing_values_are_absent() {
    let event = event_of(&["$default"], get("/")).await;
    assert_eq!(event["routeKey"], "$default");
    assert_eq!(event["rawQueryString"], "");
    for member in [
        "queryStringParameters",
        "pathParameters",
        "cookies",
        "body",
        "stageVariables",
    ] {
        assert!(event.get(member).is_none(), "{member}");
    }
}

#[tokio::test]
async fn a_form_is_base64() {
    let request = Request::post("/")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from("a=1"))
        .unwrap();
    let event = event_of(&["$default"], request).await;
    assert_eq!(
        (&event["body"], &event["isBase64Encoded"]),
        (&json!("YT0x"), &json!(true))
    );
}

#[tokio::test]
async fn lambda_http_reads_the_event() {
    let event = event_of(&["ANY /items/{proxy+}"], rich()).await;
    let request = lambda_http::request::from_str(&event.to_string()).unwrap();
    assert_eq!(request.method(), "POST");
    assert_eq!(request.uri().path(), "/items/a%20b/c");
    assert_eq!(request.raw_http_path(), "/items/a b/c");
    assert_eq!(request.path_parameters().first("proxy"), Some("a b/c"));
    assert_eq!(
        request.query_string_parameters().all("tag"),
        Some(vec!["1", "2"])
    );
    assert_eq!(request.headers()["cookie"], "a=1; b=2");
    assert_eq!(
        request.body(),
        &lambda_http::Body::from(r#"{"message":"hi"}"#)
    );
}

#[tokio::test]
async fn payload_format_1_0_is_the_rest_event_with_a_version_and_a_decoded_path() {
    let mut api = with_routes(http_api(), &["ANY /items/{proxy+}"]);
    api.routes[0].payload_format = "1.0".to_owned();
    let gateway = Gateway::serve(api, FakeInvoke::returning(ok())).unwrap();
    assert_eq!(gateway.send(rich()).await.status, 200);
    let event = gateway.invoke.event();
    assert_eq!(event["version"], "1.0");
    assert_eq!(event["path"], "/items/a b/c");
    assert_eq!(event["pathParameters"], json!({ "proxy": "a b/c" }));
    assert_eq!(event["headers"]["Content-Type"], "application/json");
    assert_eq!(event["requestContext"]["stage"], "$default");
}

#[tokio::test]
async fn an_unknown_payload_format_is_an_error_that_names_the_route() {
    let mut api = with_routes(http_api(), &["GET /a"]);
    api.routes[0].payload_format = "3.0".to_owned();
    let gateway = Gateway::serve(api, FakeInvoke::returning(ok()));
    let error = gateway.err().unwrap().to_string();
    assert!(
        error.contains("GET /a of function items") && error.contains("\"3.0\""),
        "{error}"
    );
}
