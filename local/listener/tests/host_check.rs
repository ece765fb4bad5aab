//! Tests of the host check through HTTP requests.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test may panic, as the test itself"
)]

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, Version};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt as _;
use xray_local_listener::{AllowedHosts, ForeignCaller, host_check};

fn router(allowed: AllowedHosts) -> Router {
    let router = Router::new().route("/", get(|| async { "answered" }));
    host_check(router, allowed, reject)
}

fn reject(foreign: &ForeignCaller) -> Response {
    (StatusCode::FORBIDDEN, foreign.to_string()).into_response()
}

/// Status and body of the response to a request with these headers.
async fn send(allowed: AllowedHosts, headers: &[(&str, &str)]) -> (u16, String) {
    let request = Request::get("/");
    let request = headers.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    send_request(allowed, request.body(Body::empty()).unwrap()).await
}

async fn send_request(allowed: AllowedHosts, request: Request<Body>) -> (u16, String) {
    let response = router(allowed).oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn loopback_hosts_and_origins_pass() {
    for headers in [
        &[("host", "localhost:3000")][..],
        &[("host", "127.0.0.1:3000")],
        &[("host", "[::1]:3000")],
        &[("host", "[::ffff:127.0.0.1]:3000")],
        &[("host", "localhost"), ("host", "127.0.0.1")],
        &[("host", "localhost"), ("origin", "http://localhost:5173")],
        &[("host", "localhost"), ("origin", "http://[::1]:5173")],
        &[
            ("host", "localhost"),
            ("origin", "http://[::ffff:127.0.0.1]"),
        ],
    ] {
        let (status, body) = send(AllowedHosts::Loopback, headers).await;
        assert_eq!((status, body.as_str()), (200, "answered"), "{headers:?}");
    }
}

#[tokio::test]
async fn one_foreign_host_or_origin_is_enough_to_be_rejected() {
    for (headers, named) in [
        (&[("host", "evil.example")][..], "Host evil.example"),
        (&[("host", "10.0.0.1:3000")], "Host 10.0.0.1:3000"),
        (&[("host", "[2001:db8::1]")], "Host [2001:db8::1]"),
        (
            &[("host", "localhost"), ("host", "evil.example")],
            "Host evil.example",
        ),
        (
            &[("host", "evil.example"), ("host", "localhost")],
            "Host evil.example",
        ),
        (
            &[("host", "localhost"), ("origin", "https://evil.example")],
            "Origin https://evil.example",
        ),
        (&[("host", "localhost"), ("origin", "null")], "Origin null"),
        (
            &[
                ("host", "localhost"),
                ("origin", "http://localhost"),
                ("origin", "https://evil.example"),
            ],
            "Origin https://evil.example",
        ),
    ] {
        let (status, body) = send(AllowedHosts::Loopback, headers).await;
        assert_eq!(status, 403, "{headers:?}");
        assert_eq!(
            body,
            format!("{named} is not allowed: only localhost and loopback addresses are")
        );
    }
}

#[tokio::test]
async fn a_path_without_a_route_is_checked_too() {
    let request = Request::get("/nowhere").header("host", "evil.example");
    let request = request.body(Body::empty()).unwrap();
    assert_eq!(send_request(AllowedHosts::Loopback, request).await.0, 403);
}

#[tokio::test]
async fn the_authority_of_the_uri_is_a_host_too() {
    for (uri, status) in [
        ("http://localhost:3000/", 200),
        ("http://evil.example/", 403),
        ("http://localhost@evil.example/", 403),
    ] {
        let request = Request::get(uri).header("host", "localhost");
        let request = request.body(Body::empty()).unwrap();
        let answered = send_request(AllowedHosts::Loopback, request).await;
        assert_eq!(answered.0, status, "{uri}");
    }
}

#[tokio::test]
async fn bytes_that_are_not_utf_8_are_foreign() {
    let request = Request::get("/").header("host", &b"localhost\xff"[..]);
    let request = request.body(Body::empty()).unwrap();
    assert_eq!(send_request(AllowedHosts::Loopback, request).await.0, 403);
}

#[tokio::test]
async fn a_request_of_http_1_0_needs_no_host() {
    let request = |origin: Option<&str>| {
        let mut request = Request::get("/").version(Version::HTTP_10);
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        request.body(Body::empty()).unwrap()
    };
    for (origin, status) in [(None, 200), (Some("https://evil.example"), 403)] {
        let answered = send_request(AllowedHosts::Loopback, request(origin)).await;
        assert_eq!(answered.0, status, "{origin:?}");
    }
}

#[tokio::test]
async fn an_open_listener_answers_every_host_and_origin() {
    for headers in [
        [("host", "evil.example"), ("origin", "https://evil.example")],
        [("host", "xray.lan:2001"), ("origin", "null")],
    ] {
        assert_eq!(send(AllowedHosts::Any, &headers).await.0, 200);
    }
}

#[tokio::test]
async fn the_check_sees_what_a_client_sends_over_a_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router(AllowedHosts::Loopback)).await });
    for (request, status) in [
        ("GET / HTTP/1.0\r\n\r\n", "HTTP/1.0 200"),
        (
            "GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
            "HTTP/1.1 403",
        ),
        (
            "GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            "HTTP/1.1 403",
        ),
    ] {
        let mut connection = TcpStream::connect(address).await.unwrap();
        connection.write_all(request.as_bytes()).await.unwrap();
        let mut response = String::new();
        connection.read_to_string(&mut response).await.unwrap();
        assert!(response.starts_with(status), "{request}: {response}");
    }
}

#[test]
fn a_listener_that_only_this_machine_can_reach_allows_loopback_only() {
    for (address, allowed) in [
        ("127.0.0.1:2001", AllowedHosts::Loopback),
        ("[::1]:2001", AllowedHosts::Loopback),
        ("[::ffff:127.0.0.1]:2001", AllowedHosts::Loopback),
        ("0.0.0.0:2001", AllowedHosts::Any),
        ("[::]:2001", AllowedHosts::Any),
        ("192.168.1.5:2001", AllowedHosts::Any),
    ] {
        let address = address.parse().unwrap();
        assert_eq!(AllowedHosts::for_address(address), allowed, "{address}");
    }
}
