//! The limits of connections.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test may panic, as the test itself"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;
use xray_local_listener::{BodyError, BodyReader, Limits, serve};

const SHORT: Duration = Duration::from_millis(100);

/// The most bytes of the bodies that need a reservation.
const LARGE: usize = 200_000;

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
        .route("/body", post(body))
        .route("/large", post(large_body))
        .route("/hold", post(hold))
        .route("/release", get(release))
        .route("/held", get(held))
        .with_state(Hold::default());
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

async fn body(request: Request) -> (StatusCode, String) {
    read(request, 1_000).await
}

async fn large_body(request: Request) -> (StatusCode, String) {
    read(request, LARGE).await
}

async fn read(request: Request, max_bytes: usize) -> (StatusCode, String) {
    let reader = BodyReader::of(request.extensions());
    match reader.read(request.into_body(), max_bytes).await {
        Ok(body) => (StatusCode::OK, body.len().to_string()),
        Err(BodyError::TooLarge) => (StatusCode::PAYLOAD_TOO_LARGE, String::new()),
        Err(BodyError::NoMemory) => (StatusCode::SERVICE_UNAVAILABLE, String::new()),
        Err(error) => (StatusCode::REQUEST_TIMEOUT, error.to_string()),
    }
}

/// Connects requests to `/hold`, `/held` and `/release`.
#[derive(Clone, Default)]
struct Hold {
    held: Arc<Notify>,
    released: Arc<Notify>,
}

/// Holds its body until a request to `/release`.
async fn hold(State(hold): State<Hold>, request: Request) -> String {
    let reader = BodyReader::of(request.extensions());
    let body = reader.read(request.into_body(), LARGE).await.unwrap();
    hold.held.notify_one();
    hold.released.notified().await;
    body.len().to_string()
}

/// Responds once a body is held.
async fn held(State(hold): State<Hold>) {
    hold.held.notified().await;
}

async fn release(State(hold): State<Hold>) {
    hold.released.notify_one();
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

/// A server with memory for one body of [`LARGE`] bytes.
async fn start_with_little_memory(body_wait: Duration) -> Server {
    start(Limits {
        body_bytes: LARGE,
        body_wait,
        ..Limits::default()
    })
    .await
}

/// A request without its body.
fn post_of(path: &str, length: usize) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
    )
}

fn whole_post(path: &str, length: usize) -> String {
    post_of(path, length) + &"x".repeat(length)
}

fn chunked_post(path: &str, length: usize) -> String {
    let body = "x".repeat(length);
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n"
    )
}

/// Sends a body without its last byte, and waits until it has its reservation: then no other
/// large body gets one.
async fn almost_whole(address: SocketAddr) -> TcpStream {
    let mut connection = TcpStream::connect(address).await.unwrap();
    let almost = whole_post("/large", LARGE);
    let almost = &almost.as_bytes()[..almost.len() - 1];
    connection.write_all(almost).await.unwrap();
    let deadline = tokio::time::Instant::now() + TEST_TIMEOUT;
    while exchange(address, &chunked_post("/large", 70_000))
        .await
        .contains("200 OK")
    {
        assert!(tokio::time::Instant::now() < deadline, "no reservation");
    }
    connection
}

#[tokio::test]
async fn half_sent_bodies_do_not_take_more_memory_than_allowed() {
    let server = start_with_little_memory(SHORT).await;
    let mut held = almost_whole(server.address).await;
    for post in [whole_post("/large", LARGE), chunked_post("/large", 70_000)] {
        let response = exchange(server.address, &post).await;
        assert!(response.starts_with("HTTP/1.1 503"), "{response}");
    }
    // Small bodies need no reservation.
    let small = exchange(server.address, &whole_post("/large", 60_000)).await;
    assert!(small.ends_with("\r\n60000"), "{small}");
    held.write_all(b"x").await.unwrap();
    assert!(read_to_end(held).await.ends_with("\r\n200000"));
    let next = exchange(server.address, &whole_post("/large", LARGE)).await;
    assert!(next.ends_with("\r\n200000"), "{next}");
}

#[tokio::test]
async fn a_large_body_waits_for_memory_and_smaller_ones_do_not_overtake_it() {
    let server = start_with_little_memory(TEST_TIMEOUT).await;
    let address = server.address;
    let held = tokio::spawn(async move { exchange(address, &whole_post("/hold", 100_000)).await });
    exchange(address, &GET.replace("GET /", "GET /held")).await;
    let large = tokio::spawn(async move { exchange(address, &whole_post("/large", LARGE)).await });
    // As long as the large one waits, each of these waits behind it or came before it.
    let smaller = tokio::spawn(async move {
        loop {
            exchange(address, &whole_post("/large", 80_000)).await;
        }
    });
    tokio::time::sleep(SHORT).await;
    assert!(!large.is_finished(), "it did not wait for the held body");
    exchange(address, &GET.replace("GET /", "GET /release")).await;
    let response = timeout(TEST_TIMEOUT, large).await.unwrap().unwrap();
    assert!(response.ends_with("\r\n200000"), "{response}");
    assert!(held.await.unwrap().ends_with("\r\n100000"));
    smaller.abort();
}

#[tokio::test]
async fn the_memory_of_a_body_counts_until_the_body_is_dropped() {
    let server = start_with_little_memory(SHORT).await;
    let address = server.address;
    let held = tokio::spawn(async move { exchange(address, &whole_post("/hold", LARGE)).await });
    exchange(address, &GET.replace("GET /", "GET /held")).await;
    let response = exchange(address, &whole_post("/large", 70_000)).await;
    assert!(response.starts_with("HTTP/1.1 503"), "{response}");
    exchange(address, &GET.replace("GET /", "GET /release")).await;
    assert!(held.await.unwrap().ends_with("\r\n200000"));
    let next = exchange(address, &whole_post("/large", LARGE)).await;
    assert!(next.ends_with("\r\n200000"), "{next}");
}

#[tokio::test]
async fn a_body_in_small_parts_ends_in_time_and_gives_its_memory_back() {
    let server = start(Limits {
        body_bytes: LARGE,
        whole_body_timeout: SHORT * 5,
        ..Limits::default()
    })
    .await;
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    let almost = whole_post("/large", LARGE);
    let almost = &almost.as_bytes()[..almost.len() - 10_000];
    slow.write_all(almost).await.unwrap();
    let (reading, mut writing) = slow.into_split();
    let drip = tokio::spawn(async move {
        while writing.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let mut response = String::new();
    let mut reading = reading;
    let read = reading.read_to_string(&mut response);
    let _ = timeout(TEST_TIMEOUT, read).await.expect("still open");
    drip.abort();
    assert!(response.starts_with("HTTP/1.1 408"), "{response}");
    assert!(response.contains("took longer than 500ms"), "{response}");
    let next = exchange(server.address, &whole_post("/large", LARGE)).await;
    assert!(next.ends_with("\r\n200000"), "{next}");
}

#[tokio::test]
async fn a_client_that_sends_a_body_over_the_limit_reads_the_response() {
    let server = start(Limits::default()).await;
    for post in [
        whole_post("/body", 8_000_000),
        chunked_post("/body", 8_000_000),
    ] {
        let mut connection = TcpStream::connect(server.address).await.unwrap();
        connection.write_all(post.as_bytes()).await.unwrap();
        let response = read_to_end(connection).await;
        assert!(response.starts_with("HTTP/1.1 413"), "{response}");
    }
}

#[tokio::test]
async fn headers_that_do_not_fit_into_the_buffer_are_rejected() {
    let server = start(Limits::default()).await;
    for (length, status) in [(50_000, "200"), (200_000, "431")] {
        let header = "x".repeat(length);
        let request = GET.replace("Host:", &format!("X-Long: {header}\r\nHost:"));
        let response = exchange(server.address, &request).await;
        let expected = format!("HTTP/1.1 {status}");
        assert!(response.starts_with(&expected), "{length}: {response}");
    }
}
