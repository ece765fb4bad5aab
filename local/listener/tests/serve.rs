//! The limits of connections.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test may panic, as the test itself"
)]

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::StatusCode;
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::timeout;
use xray_local_listener::{BodyError, Limits, read_body, serve};

const SHORT: Duration = Duration::from_millis(100);

/// Longer than any of these tests takes.
const TEST_TIMEOUT: Duration = Duration::from_secs(20);

struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: tokio::task::JoinHandle<()>,
}

async fn start(limits: Limits) -> Server {
    let router = Router::new()
        .route("/", get(|| async { "answered" }))
        .route(
            "/slow",
            get(|| async {
                tokio::time::sleep(SHORT).await;
                "answered"
            }),
        )
        .route("/client", get(client))
        .route("/body", post(body));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let ended = tokio::spawn(serve(listener, router, limits, async {
        let _ = stopped.await;
    }));
    Server {
        address,
        stop,
        ended,
    }
}

async fn client(ConnectInfo(client): ConnectInfo<SocketAddr>) -> String {
    client.to_string()
}

async fn body(body: Body) -> (StatusCode, String) {
    match read_body(body, 1_000).await {
        Ok(body) => (StatusCode::OK, body.len().to_string()),
        Err(BodyError::TooLarge) => (StatusCode::PAYLOAD_TOO_LARGE, String::new()),
        Err(error) => (StatusCode::REQUEST_TIMEOUT, error.to_string()),
    }
}

/// Sends bytes on a new connection and reads until the server closes it.
async fn exchange(address: SocketAddr, bytes: &str) -> String {
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(bytes.as_bytes()).await.unwrap();
    read_to_end(connection).await
}

async fn read_to_end(mut connection: TcpStream) -> String {
    let mut response = String::new();
    let read = connection.read_to_string(&mut response);
    let _ = timeout(TEST_TIMEOUT, read).await.expect("still open");
    response
}

const GET: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn half_sent_headers_close_the_connection() {
    let limits = Limits {
        header_timeout: SHORT,
        ..Limits::default()
    };
    let server = start(limits).await;
    for half in ["", "GET / HT", "GET / HTTP/1.1\r\nHost: local"] {
        let response = exchange(server.address, half).await;
        assert!(!response.contains("200 OK"), "{half}: {response}");
    }
    assert!(exchange(server.address, GET).await.contains("200 OK"));
}

#[tokio::test]
async fn a_half_sent_body_is_an_error_and_closes_the_connection() {
    let limits = Limits {
        body_timeout: SHORT,
        ..Limits::default()
    };
    let server = start(limits).await;
    let request = "POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf";
    let response = exchange(server.address, request).await;
    assert!(response.starts_with("HTTP/1.1 408"), "{response}");
    let whole = request.replace(
        "Content-Length: 10",
        "Connection: close\r\nContent-Length: 4",
    );
    let response = exchange(server.address, &whole).await;
    assert!(
        response.starts_with("HTTP/1.1 200") && response.ends_with("\r\n4"),
        "{response}"
    );
}

#[tokio::test]
async fn more_connections_than_the_limit_wait_until_one_ends() {
    let limits = Limits {
        connections: 2,
        ..Limits::default()
    };
    let server = start(limits).await;
    let mut idle = Vec::new();
    for _ in 0..2 {
        let mut connection = TcpStream::connect(server.address).await.unwrap();
        connection.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        idle.push(connection);
    }
    let mut third = TcpStream::connect(server.address).await.unwrap();
    third.write_all(GET.as_bytes()).await.unwrap();
    let mut byte = [0];
    let early = timeout(SHORT, third.read(&mut byte)).await;
    assert!(early.is_err(), "answered beyond the limit");
    idle.pop();
    assert!(read_to_end(third).await.contains("200 OK"));
}

#[tokio::test]
async fn three_thousand_half_sent_requests_leave_the_listener_alive() {
    let limits = Limits {
        connections: 64,
        header_timeout: SHORT,
        ..Limits::default()
    };
    let server = start(limits).await;
    // In waves that fit into the file descriptors of a test and the backlog of a listener.
    for _ in 0..30 {
        let mut half_sent = Vec::new();
        for _ in 0..100 {
            let mut connection = TcpStream::connect(server.address).await.unwrap();
            // The server may have closed it already.
            let _ = connection.write_all(b"GET / HTTP/1.1\r\n").await;
            half_sent.push(connection);
        }
    }
    assert!(exchange(server.address, GET).await.contains("200 OK"));
}

#[tokio::test]
async fn a_body_over_the_limit_is_too_large() {
    let server = start(Limits::default()).await;
    let body = "x".repeat(1_001);
    let request = format!(
        "POST /body HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 1001\r\n\r\n{body}"
    );
    let response = exchange(server.address, &request).await;
    assert!(response.starts_with("HTTP/1.1 413"), "{response}");
}

#[tokio::test]
async fn a_request_carries_the_address_of_its_client() {
    let server = start(Limits::default()).await;
    let mut connection = TcpStream::connect(server.address).await.unwrap();
    let client = connection.local_addr().unwrap().to_string();
    let request = GET.replace("GET /", "GET /client");
    connection.write_all(request.as_bytes()).await.unwrap();
    let response = read_to_end(connection).await;
    assert!(response.ends_with(&client), "{response}");
}

#[tokio::test]
async fn shutdown_answers_the_requests_that_run_and_refuses_new_ones() {
    let server = start(Limits::default()).await;
    let mut connection = TcpStream::connect(server.address).await.unwrap();
    let request = GET.replace("GET /", "GET /slow");
    connection.write_all(request.as_bytes()).await.unwrap();
    // A response on another connection shows that the server has read the slow request.
    exchange(server.address, GET).await;
    server.stop.send(()).unwrap();
    assert!(read_to_end(connection).await.contains("answered"));
    timeout(TEST_TIMEOUT, server.ended).await.unwrap().unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}
