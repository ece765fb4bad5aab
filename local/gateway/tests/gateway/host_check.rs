//! The host check in front of both APIs.

use axum::Router;
use axum::body::Body;
use http::header::{HOST, HeaderName, ORIGIN};
use http::{Method, Request};
use serde_json::json;
use tower::ServiceExt as _;
use xray_local_gateway::{host_check, lambda_router};
use xray_local_listener::AllowedHosts;

use crate::support::{FakeInvoke, Gateway, TestResponse, ok, rest};

/// An API and a request that it answers with 200.
struct Api {
    router: Router,
    method: Method,
    path: &'static str,
}

/// API Gateway's API and Lambda's Invoke API.
fn apis(allowed: AllowedHosts) -> [Api; 2] {
    let gateway = Gateway::new(rest(), &["GET /"], FakeInvoke::returning(ok()));
    let lambda = lambda_router(FakeInvoke::returning(json!({})));
    [
        Api {
            router: host_check(gateway.router, allowed),
            method: Method::GET,
            path: "/",
        },
        Api {
            router: host_check(lambda, allowed),
            method: Method::POST,
            path: "/2015-03-31/functions/items/invocations",
        },
    ]
}

impl Api {
    async fn call(&self, header: HeaderName, value: &str) -> TestResponse {
        let request = Request::builder()
            .method(&self.method)
            .uri(self.path)
            .header(header, value)
            .body(Body::empty())
            .unwrap();
        TestResponse::of(self.router.clone().oneshot(request).await.unwrap()).await
    }
}

#[tokio::test]
async fn foreign_hosts_and_origins_are_rejected() {
    for api in apis(AllowedHosts::Loopback) {
        for (header, value) in [
            (HOST, "attacker.example:3000"),
            (ORIGIN, "https://attacker.example"),
            (ORIGIN, "null"),
        ] {
            let response = api.call(header, value).await;
            assert_eq!(response.status, 403, "{} {value}", api.path);
            assert_eq!(response.header("content-type"), Some("application/json"));
            let message = response.message();
            assert!(
                message.contains(value) && message.contains("--host 0.0.0.0"),
                "{message}"
            );
        }
    }
}

#[tokio::test]
async fn loopback_hosts_and_origins_are_answered() {
    for api in apis(AllowedHosts::Loopback) {
        for (header, value) in [
            (HOST, "localhost:3000"),
            (HOST, "[::1]:3000"),
            (ORIGIN, "http://localhost:5173"),
        ] {
            let response = api.call(header, value).await;
            assert_eq!(response.status, 200, "{} {value}", api.path);
        }
    }
}

#[tokio::test]
async fn apis_that_other_machines_may_call_answer_every_host_and_origin() {
    for api in apis(AllowedHosts::Any) {
        for (header, value) in [(HOST, "build.lan:3000"), (ORIGIN, "https://app.lan")] {
            let response = api.call(header, value).await;
            assert_eq!(response.status, 200, "{} {value}", api.path);
        }
    }
}
