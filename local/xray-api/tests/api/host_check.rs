use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use xray_local_api::router_for;
use xray_local_listener::AllowedHosts;
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
    ] {
        let (status, name, message) = put_from(&api, header, value).await.error();
        assert_eq!(
            (status, name.as_str()),
            (403, "AccessDeniedException"),
            "{header} {value}"
        );
        assert!(
            message.contains(value) && message.contains("--listen"),
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
async fn an_open_listener_answers_every_host_and_origin() {
    let api = router_for(Arc::new(Store::in_memory().unwrap()), AllowedHosts::Any);
    assert_eq!(put_from(&api, "host", "xray.lan:2001").await.status, 200);
    assert_eq!(
        put_from(&api, "origin", "https://grafana.lan").await.status,
        200
    );
}
