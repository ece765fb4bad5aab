//! The host check in front of both APIs.

use axum::Router;
use axum::body::Body;
use http::header::{HOST, HeaderName, ORIGIN};
use http::{Method, Request};
use serde_json::json;
use tower::ServiceExt as _;
use xray_local_gateway::{lambda_router, reject_foreign_callers, reject_foreign_lambda_callers};
use xray_local_listener::AllowedCallers;

use crate::support::{FakeInvoke, Gateway, TestResponse, ok, rest};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// An API and a request that it answers with 200.
struct Api {
    router: Router,
    method: Method,
    path: &'static str,
    /// The part of the message that follows a foreign origin.
    for_origins: &'static str,
}

/// API Gateway's API and Lambda's Invoke API.
fn apis(allowed: &AllowedCallers) -> [Api; 2] {
    let gateway = Gateway::new(rest(), &["GET /"], FakeInvoke::returning(ok()));
    let lambda = lambda_router(FakeInvoke::returning(json!({})));
    [
        Api {
            router: reject_foreign_callers(gateway.router, allowed.clone()),
            method: Method::GET,
            path: "/",
            for_origins: "--allow-origin",
        },
        Api {
            router: reject_foreign_lambda_callers(lambda, allowed.clone()),
            method: Method::POST,
            path: "/2015-03-31/functions/items/invocations",
            for_origins: "pages of other origins cannot call",
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
    for api in apis(&AllowedCallers::loopback()) {
        for (header, value) in [
            (HOST, "attacker.example:3000"),
            (ORIGIN, "https://attacker.example"),
            (ORIGIN, "null"),
            (SEC_FETCH_SITE, "cross-site"),
        ] {
            let response = api.call(header.clone(), value).await;
            assert_eq!(response.status, 403, "{} {value}", api.path);
            assert_eq!(response.header("content-type"), Some("application/json"));
            let message = response.message();
            let advice = if header == HOST {
                "--host 0.0.0.0"
            } else {
                api.for_origins
            };
            assert!(
                message.contains(value) && message.contains(advice),
                "{message}"
            );
        }
    }
}

#[tokio::test]
async fn loopback_hosts_and_origins_are_answered() {
    for api in apis(&AllowedCallers::loopback()) {
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
async fn apis_that_other_machines_may_call_answer_every_host() {
    let open = AllowedCallers::for_address("0.0.0.0:3000".parse().unwrap());
    for api in apis(&open) {
        let response = api.call(HOST, "build.lan:3000").await;
        assert_eq!(response.status, 200, "{}", api.path);
    }
}

#[tokio::test]
async fn an_allowed_origin_is_answered() {
    let allowed = AllowedCallers::loopback().with_origins(["https://app.lan".to_owned()]);
    for api in apis(&allowed) {
        let response = api.call(ORIGIN, "https://app.lan").await;
        assert_eq!(response.status, 200, "{}", api.path);
        let response = api.call(ORIGIN, "https://other.lan").await;
        assert_eq!(response.status, 403, "{}", api.path);
    }
}
