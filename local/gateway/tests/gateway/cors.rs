//! CORS: preflight requests, and the headers of responses.

use axum::body::Body;
use http::{Method, Request};
use serde_json::json;
use xray_local_gateway::{Api, ApiGateway, Cors};

use crate::support::{FakeInvoke, Gateway, TestResponse, http_api, ok, rest, with_routes};

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn with_cors(api: Api, origins: &[&str]) -> Api {
    let cors = Cors {
        allow_origins: origins.iter().map(|&origin| origin.to_owned()).collect(),
        allow_headers: text("content-type,x-id"),
        expose_headers: text("x-total"),
        max_age: text("600"),
        ..Cors::default()
    };
    Api {
        cors: Some(cors),
        ..api
    }
}

fn gateway(api: Api, routes: &[&str]) -> Gateway {
    let result = json!({
        "statusCode": 200,
        "headers": { "Access-Control-Allow-Origin": "function", "access-control-max-age": "1" },
        "body": "ran",
    });
    Gateway::new(api, routes, FakeInvoke::returning(result))
}

fn request(method: Method, path: &str, origin: Option<&str>) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(origin) = origin {
        request = request.header("origin", origin);
    }
    request.body(Body::empty()).unwrap()
}

fn preflight(path: &str, origin: &str) -> Request<Body> {
    let mut request = request(Method::OPTIONS, path, Some(origin));
    let asked = http::HeaderValue::from_static("POST");
    let headers = request.headers_mut();
    headers.insert("access-control-request-method", asked);
    request
}

/// The CORS headers of a response, sorted, without `access-control-`.
fn cors_headers(response: &TestResponse) -> Vec<(String, String)> {
    let headers = response.headers.iter().filter_map(|(name, value)| {
        let name = name.as_str().strip_prefix("access-control-")?;
        Some((name.to_owned(), value.to_str().unwrap().to_owned()))
    });
    let mut headers: Vec<_> = headers.collect();
    headers.sort();
    headers
}

fn headers(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    expected.iter().map(owned).collect()
}

fn was_invoked(gateway: &Gateway) -> bool {
    !gateway.invoke.seen.lock().unwrap().is_empty()
}

#[tokio::test]
async fn an_http_api_answers_preflight_requests_that_have_no_route() {
    let mut api = with_cors(http_api(), &["https://a.example"]);
    if let Some(cors) = &mut api.cors {
        cors.allow_methods = text("GET,POST");
        cors.allow_credentials = true;
    }
    let gateway = gateway(api, &["POST /items"]);
    for path in ["/items", "/nowhere"] {
        let response = gateway.send(preflight(path, "https://a.example")).await;
        assert_eq!(
            (response.status, response.body.len()),
            (204, 0),
            "{response:?}"
        );
        assert_eq!(
            cors_headers(&response),
            headers(&[
                ("allow-credentials", "true"),
                ("allow-headers", "content-type,x-id"),
                ("allow-methods", "GET,POST"),
                ("allow-origin", "https://a.example"),
                ("max-age", "600"),
            ])
        );
        assert!(response.header("apigw-requestid").is_some());
    }
    assert!(!was_invoked(&gateway));
    let log = gateway.log.0.lock().unwrap();
    assert_eq!((log[0].status, log[0].function.as_deref()), (204, None));
}

#[tokio::test]
async fn a_preflight_request_of_another_origin_gets_no_cors_headers() {
    let gateway = gateway(with_cors(http_api(), &["https://a.example"]), &["POST /"]);
    let response = gateway.send(preflight("/", "https://b.example")).await;
    assert_eq!(response.status, 204);
    assert_eq!(cors_headers(&response), []);
}

#[tokio::test]
async fn options_without_the_headers_of_a_preflight_request_is_a_method_like_others() {
    let gateway = gateway(with_cors(http_api(), &["*"]), &["POST /"]);
    for origin in [None, Some("https://a.example")] {
        let response = gateway.send(request(Method::OPTIONS, "/", origin)).await;
        assert_eq!(response.status, 404, "{origin:?}");
    }
}

#[tokio::test]
async fn a_route_for_options_answers_preflight_requests_and_gets_the_headers() {
    for route in ["ANY /{proxy+}", "$default", "OPTIONS /items"] {
        let gateway = gateway(with_cors(http_api(), &["*"]), &[route]);
        let response = gateway.send(preflight("/items", "https://a.example")).await;
        assert_eq!(
            (response.status, &response.body[..]),
            (200, &b"ran"[..]),
            "{route}"
        );
        assert_eq!(
            cors_headers(&response),
            headers(&[
                ("allow-headers", "content-type,x-id"),
                ("allow-origin", "*"),
                ("max-age", "600"),
            ])
        );
    }
}

#[tokio::test]
async fn an_http_api_replaces_the_cors_headers_of_functions() {
    let allowed = ["https://a.example", "http://*"];
    let gateway = gateway(with_cors(http_api(), &allowed), &["GET /"]);
    for (origin, expected) in [
        (Some("https://a.example"), true),
        (Some("http://any.example:8080"), true),
        (Some("https://b.example"), false),
        (None, false),
    ] {
        let response = gateway.send(request(Method::GET, "/", origin)).await;
        assert_eq!(response.status, 200);
        let expected = match origin.filter(|_| expected) {
            Some(origin) => headers(&[("allow-origin", origin), ("expose-headers", "x-total")]),
            None => Vec::new(),
        };
        assert_eq!(cors_headers(&response), expected, "{origin:?}");
    }
}

#[tokio::test]
async fn without_a_configuration_the_functions_decide() {
    for api in [http_api(), rest()] {
        let gateway = gateway(api, &["ANY /"]);
        for request in [
            preflight("/", "https://a.example"),
            request(Method::GET, "/", Some("https://a.example")),
        ] {
            let response = gateway.send(request).await;
            assert_eq!(
                cors_headers(&response),
                headers(&[("allow-origin", "function"), ("max-age", "1")])
            );
        }
    }
}

#[tokio::test]
async fn a_rest_api_has_an_options_method_at_each_path() {
    let mut api = with_cors(rest(), &["https://a.example"]);
    if let Some(cors) = &mut api.cors {
        cors.allow_credentials = true;
    }
    let routes = [
        "POST /items",
        "get /items",
        "ANY /{proxy+}",
        "GET /items/{pk}",
    ];
    let gateway = gateway(api, &routes);
    for (path, methods) in [
        ("/items", "GET,OPTIONS,POST"),
        ("/items/", "GET,OPTIONS,POST"),
        ("/items/1", "GET,OPTIONS"),
        ("/other/1", "DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT"),
    ] {
        // The answer does not depend on the origin.
        for request in [
            preflight(path, "https://a.example"),
            preflight(path, "https://b.example"),
            request(Method::OPTIONS, path, None),
        ] {
            let response = gateway.send(request).await;
            assert_eq!((response.status, response.json()), (200, json!({})));
            assert_eq!(response.header("content-type"), Some("application/json"));
            assert_eq!(
                cors_headers(&response),
                headers(&[
                    ("allow-credentials", "true"),
                    ("allow-headers", "content-type,x-id"),
                    ("allow-methods", methods),
                    ("allow-origin", "https://a.example"),
                    ("max-age", "600"),
                ]),
                "{path}"
            );
        }
    }
    assert!(!was_invoked(&gateway));
}

#[tokio::test]
async fn a_rest_api_answers_no_path_that_it_does_not_have() {
    let gateway = gateway(with_cors(rest(), &["*"]), &["POST /items"]);
    let response = gateway
        .send(preflight("/nowhere", "https://a.example"))
        .await;
    assert_eq!(response.status, 403);
    assert_eq!(cors_headers(&response), []);
}

#[tokio::test]
async fn an_options_route_of_a_rest_api_replaces_the_answer_of_its_path() {
    let gateway = gateway(
        with_cors(rest(), &["*"]),
        &["OPTIONS /items", "POST /items"],
    );
    let response = gateway.send(preflight("/items", "https://a.example")).await;
    assert_eq!((response.status, &response.body[..]), (200, &b"ran"[..]));
    assert!(was_invoked(&gateway));
}

#[tokio::test]
async fn a_rest_api_leaves_the_responses_of_functions_as_they_are() {
    let gateway = gateway(with_cors(rest(), &["*"]), &["GET /"]);
    let response = gateway
        .send(request(Method::GET, "/", Some("https://a.example")))
        .await;
    assert_eq!(
        response.header("access-control-allow-origin"),
        Some("function")
    );
}

#[tokio::test]
async fn the_methods_of_the_template_replace_those_of_the_path() {
    let mut api = with_cors(rest(), &["*"]);
    if let Some(cors) = &mut api.cors {
        cors.allow_methods = text("GET");
    }
    let gateway = gateway(api, &["POST /"]);
    let response = gateway.send(preflight("/", "https://a.example")).await;
    assert_eq!(response.header("access-control-allow-methods"), Some("GET"));
}

#[tokio::test]
async fn of_several_apis_at_one_address_the_one_with_the_route_answers() {
    let first = with_routes(with_cors(http_api(), &["*"]), &["GET /first"]);
    let second = with_routes(http_api(), &["ANY /second"]);
    let serve = |api| {
        let segments = std::sync::Arc::<crate::support::Segments>::default();
        let log = std::sync::Arc::<crate::support::Log>::default();
        ApiGateway::new(api, FakeInvoke::returning(ok()), segments, log).unwrap()
    };
    let router = ApiGateway::router_of(vec![serve(first), serve(second)]).unwrap();
    for (path, status) in [("/first", 204), ("/second", 200)] {
        let request = preflight(path, "https://a.example");
        let response = tower::ServiceExt::oneshot(router.clone(), request);
        let response = TestResponse::of(response.await.unwrap()).await;
        assert_eq!(response.status, status, "{path}");
    }
}
