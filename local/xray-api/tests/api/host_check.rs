use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use xray_local_api::router;
use xray_local_listener::AllowedCallers;
use xray_local_store::Store;

use crate::client::{Response, api, send};

async fn put_from(api: &Router, header: &str, value: &str) -> Response {
    let request = Request::post("/TraceSegments").header(header, value);
    send(
        api,
        request
            .body(Body::from(r#"{"TraceSegmentDocuments":[]}"#))
            .unwrap(),
    )
    .await
}

#[tokio::test]
async fn foreign_hosts_and_origins_are_rejected() {
    let api = api();
    for (header, value) in [
        ("host", "evil.example:2001"),
        ("host", "127.0.0.1.evil.example"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
    ] {
        let (status, name, message) = put_from(&api, header, value).await.error();
        assert_eq!(
            (status, name.as_str()),
            (403, "AccessDeniedException"),
            "{header} {value}"
        );
        let names_flag = message.contains("--listen");
        assert!(
            message.contains(value) && names_flag == (header == "host"),
            "{message}"
        );
    }
    for (header, value) in [
        ("host", "127.0.0.1:2001"),
        ("host", "localhost"),
        ("host", "[::1]:2001"),
        ("origin", "http://localhost:2001"),
    ] {
        assert_eq!(
            put_from(&api, header, value).await.status,
            200,
            "{header} {value}"
        );
    }
}

#[tokio::test]
async fn an_open_listener_answers_every_host_and_no_foreign_origin() {
    let open = AllowedCallers::for_address("0.0.0.0:2001".parse().unwrap());
    let api = router(Arc::new(Store::in_memory().unwrap()), open);
    assert_eq!(put_from(&api, "host", "xray.lan:2001").await.status, 200);
    let from_a_page = put_from(&api, "origin", "https://grafana.lan").await;
    assert_eq!(from_a_page.status, 403);
}

#[tokio::test]
async fn a_link_opens_the_index_page_and_calls_no_operation() {
    let link = |request: axum::http::request::Builder| {
        let request = request
            .header("sec-fetch-site", "cross-site")
            .header("sec-fetch-mode", "navigate")
            .header("sec-fetch-dest", "document");
        request.body(Body::empty()).unwrap()
    };
    let api = api();
    assert_eq!(send(&api, link(Request::get("/"))).await.status, 200);
    let post = send(&api, link(Request::post("/TraceSummaries"))).await;
    assert_eq!(post.status, 403);
}
