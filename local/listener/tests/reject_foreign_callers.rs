//! Tests of the check of callers through HTTP requests.

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
use xray_local_listener::{AllowedCallers, ForeignCaller, reject_foreign_callers};

fn router(allowed: AllowedCallers) -> Router {
    let router = Router::new().route("/", get(|| async { "answered" }));
    reject_foreign_callers(router, allowed, reject)
}

fn reject(foreign: &ForeignCaller) -> Response {
    (StatusCode::FORBIDDEN, foreign.to_string()).into_response()
}

/// Status and body of the response to a request with these headers.
async fn send(allowed: AllowedCallers, headers: &[(&str, &str)]) -> (u16, String) {
    let request = Request::get("/");
    let request = headers.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    send_request(allowed, request.body(Body::empty()).unwrap()).await
}

async fn send_request(allowed: AllowedCallers, request: Request<Body>) -> (u16, String) {
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
        &[("host", "localhost"), ("host", "127.0.0.1")],
        &[("host", "localhost"), ("origin", "http://localhost:5173")],
        &[("host", "localhost"), ("origin", "http://[::1]:5173")],
    ] {
        let (status, body) = send(AllowedCallers::loopback(), headers).await;
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
            &[("host", "[::ffff:127.0.0.1]:3000")],
            "Host [::ffff:127.0.0.1]:3000",
        ),
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
        let (status, body) = send(AllowedCallers::loopback(), headers).await;
        assert_eq!(status, 403, "{headers:?}");
        assert_eq!(body, format!("{named} is not allowed"));
    }
}

#[tokio::test]
async fn a_path_without_a_route_is_checked_too() {
    let request = Request::get("/nowhere").header("host", "evil.example");
    let request = request.body(Body::empty()).unwrap();
    assert_eq!(
        send_request(AllowedCallers::loopback(), request).await.0,
        403
    );
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
        let answered = send_request(AllowedCallers::loopback(), request).await;
        assert_eq!(answered.0, status, "{uri}");
    }
}

#[tokio::test]
async fn bytes_that_are_not_utf_8_are_foreign() {
    let request = Request::get("/").header("host", &b"localhost\xff"[..]);
    let request = request.body(Body::empty()).unwrap();
    assert_eq!(
        send_request(AllowedCallers::loopback(), request).await.0,
        403
    );
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
        let answered = send_request(AllowedCallers::loopback(), request(origin)).await;
        assert_eq!(answered.0, status, "{origin:?}");
    }
}

/// A listener that other machines may call.
fn open() -> AllowedCallers {
    AllowedCallers::for_address("0.0.0.0:3000".parse().unwrap())
}

#[tokio::test]
async fn an_open_listener_answers_every_host_and_still_rejects_foreign_origins() {
    for (headers, status) in [
        (&[("host", "build.lan:3000")][..], 200),
        (
            &[
                ("host", "build.lan:3000"),
                ("origin", "http://BUILD.lan:3000"),
            ],
            200,
        ),
        (
            &[
                ("host", "build.lan:3000"),
                ("origin", "http://localhost:5173"),
            ],
            200,
        ),
        (
            &[
                ("host", "build.lan:3000"),
                ("origin", "https://evil.example"),
            ],
            403,
        ),
        (&[("host", "build.lan:3000"), ("origin", "null")], 403),
    ] {
        assert_eq!(send(open(), headers).await.0, status, "{headers:?}");
    }
}

#[tokio::test]
async fn named_origins_pass_and_a_star_is_every_origin() {
    let named = || AllowedCallers::loopback().with_origins(["https://App.example".to_owned()]);
    let all = || AllowedCallers::loopback().with_origins(["*".to_owned()]);
    for (allowed, origin, status) in [
        (named(), "https://app.example", 200),
        (named(), "https://app.example:8443", 403),
        (named(), "null", 403),
        (all(), "https://evil.example", 200),
        (all(), "null", 200),
    ] {
        let headers = [("host", "localhost"), ("origin", origin)];
        assert_eq!(send(allowed, &headers).await.0, status, "{origin}");
    }
    let rebound = [("host", "evil.example"), ("origin", "https://evil.example")];
    assert_eq!(
        send(all(), &rebound).await.0,
        403,
        "an allowed origin allows no host"
    );
}

#[tokio::test]
async fn a_scheme_and_a_star_are_every_origin_of_the_scheme() {
    let https = || AllowedCallers::loopback().with_origins(["https://*".to_owned()]);
    let http = || AllowedCallers::loopback().with_origins(["http://*".to_owned()]);
    for (allowed, origin, status) in [
        (https(), "https://app.example", 200),
        (https(), "HTTPS://app.example", 200),
        (https(), "http://app.example", 403),
        (https(), "null", 403),
        (http(), "http://app.example:8080", 200),
        (http(), "https://app.example", 403),
        (http(), "http", 403),
    ] {
        let headers = [("host", "localhost"), ("origin", origin)];
        assert_eq!(send(allowed, &headers).await.0, status, "{origin}");
    }
    let embedded = [("host", "localhost"), ("sec-fetch-site", "cross-site")];
    assert_eq!(send(https(), &embedded).await.0, 403);
}

#[tokio::test]
async fn a_listener_without_pages_rejects_the_pages_of_this_machine_too() {
    let programs_only = || AllowedCallers::loopback().without_pages();
    for (header, value) in [
        ("origin", "http://localhost:5173"),
        ("origin", "null"),
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-site", "none"),
        ("host", "evil.example"),
    ] {
        let headers = [("host", "localhost"), (header, value)];
        let (status, body) = send(programs_only(), &headers).await;
        assert_eq!(status, 403, "{header} {value}");
        assert!(body.contains(value), "{body}");
    }
    // `fetch` of Node.js sends the second of these and no `Sec-Fetch-Site`.
    for headers in [
        &[("host", "127.0.0.1:8000")][..],
        &[("host", "127.0.0.1:8000"), ("sec-fetch-mode", "cors")],
    ] {
        assert_eq!(send(programs_only(), headers).await.0, 200, "{headers:?}");
    }
}

/// The headers of a request that a page of another site causes without `Origin`.
fn embedded(mode: &'static str, dest: &'static str) -> [(&'static str, &'static str); 4] {
    [
        ("host", "localhost"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", mode),
        ("sec-fetch-dest", dest),
    ]
}

#[tokio::test]
async fn a_request_that_another_site_embeds_is_foreign_without_an_origin_too() {
    for (mode, dest) in [
        ("no-cors", "image"),
        ("no-cors", "empty"),
        ("navigate", "iframe"),
        ("navigate", "document"),
    ] {
        let (status, body) = send(AllowedCallers::loopback(), &embedded(mode, dest)).await;
        assert_eq!(status, 403, "{mode} {dest}");
        assert_eq!(body, "Sec-Fetch-Site cross-site is not allowed");
    }
    for site in ["same-origin", "same-site", "none"] {
        let headers = [("host", "localhost"), ("sec-fetch-site", site)];
        assert_eq!(send(AllowedCallers::loopback(), &headers).await.0, 200);
    }
    // `localhost` and 127.0.0.1 are two sites, and both this machine.
    let headers = [
        ("host", "127.0.0.1:3000"),
        ("origin", "http://localhost:5173"),
        ("sec-fetch-site", "cross-site"),
    ];
    assert_eq!(send(AllowedCallers::loopback(), &headers).await.0, 200);
}

#[tokio::test]
async fn a_link_passes_only_where_links_are_allowed() {
    let with_links = || AllowedCallers::loopback().with_links();
    let link = embedded("navigate", "document");
    assert_eq!(send(with_links(), &link).await.0, 200);
    assert_eq!(
        send(with_links(), &embedded("navigate", "iframe")).await.0,
        403
    );
    let post = Request::post("/")
        .header("host", "localhost")
        .header("sec-fetch-site", "cross-site")
        .header("sec-fetch-mode", "navigate")
        .header("sec-fetch-dest", "document");
    let post = post.body(Body::empty()).unwrap();
    assert_eq!(send_request(with_links(), post).await.0, 403);
}

#[tokio::test]
async fn the_check_sees_what_a_client_sends_over_a_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router(AllowedCallers::loopback())).await });
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

#[tokio::test]
async fn only_a_listener_that_other_machines_can_reach_answers_every_host() {
    for (address, status) in [
        ("127.0.0.1:2001", 403),
        ("[::1]:2001", 403),
        ("[::ffff:127.0.0.1]:2001", 403),
        ("0.0.0.0:2001", 200),
        ("[::]:2001", 200),
        ("192.168.1.5:2001", 200),
    ] {
        let allowed = AllowedCallers::for_address(address.parse().unwrap());
        let answered = send(allowed, &[("host", "build.lan")]).await.0;
        assert_eq!(answered, status, "{address}");
    }
}
