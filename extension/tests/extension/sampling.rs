//! The daemon's TCP port, for SDKs with centralized sampling.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use crate::lambda::{FUNCTION_TIMEOUT, Lambda, LambdaOptions, TEST_TIMEOUT};
use crate::sandbox::{Extension, id};
use crate::xray::{Response, UnreachableXRay, XRay};

/// A loopback address that no other test uses, neither with TCP nor with UDP.
fn own_address() -> String {
    static USED: AtomicU8 = AtomicU8::new(1);
    let [high, low] = ((std::process::id() % 65_000) as u16).to_be_bytes();
    format!(
        "127.{}.{high}.{low}:2000",
        USED.fetch_add(1, Ordering::Relaxed)
    )
}

/// A started extension, and its TCP address.
async fn start(xray: &str, more: &[(&str, &str)]) -> (Lambda, Extension, String) {
    let mut lambda = Lambda::start(LambdaOptions::default()).await;
    let address = own_address();
    let mut variables = vec![("AWS_XRAY_DAEMON_ADDRESS", address.as_str())];
    variables.extend(more);
    let extension = Extension::start_with(&lambda, xray, &variables);
    lambda.ready().await;
    (lambda, extension, address)
}

/// Connects as soon as the port is open.
async fn connect(address: &str) -> TcpStream {
    let begun = Instant::now();
    loop {
        match TcpStream::connect(address).await {
            Ok(stream) => return stream,
            Err(error) => assert!(begun.elapsed() < TEST_TIMEOUT, "{address}: {error}"),
        }
        sleep(Duration::from_millis(2)).await;
    }
}

/// The status, the error's type and the body of a response.
type Answer = (u16, String, String);

async fn send(address: &str, request: Request<Full<Bytes>>) -> Answer {
    let (mut sender, connection) = handshake(TokioIo::new(connect(address).await))
        .await
        .unwrap();
    tokio::spawn(connection);
    let response = sender.send_request(request).await.unwrap();
    let status = response.status().as_u16();
    let error = response.headers().get("x-amzn-errortype");
    let error = error.map_or("", |value| value.to_str().unwrap()).to_owned();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, error, String::from_utf8(body.to_vec()).unwrap())
}

fn request(method: &str, path: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    let request = Request::builder().method(method).uri(path);
    let request = request.header("host", "127.0.0.1:2000");
    request.body(Full::new(body.into())).unwrap()
}

const RULES: &str = r#"{"SamplingRuleRecords":[{"CreatedAt":0.0,"SamplingRule":{"RuleName":"Default","FixedRate":0.05}}]}"#;
const TARGETS: &str = r#"{"SamplingTargetDocuments":[],"LastRuleModification":1733337500.0}"#;

#[tokio::test]
async fn rules_and_targets_are_asked_for_with_the_functions_credentials() {
    let mut xray = XRay::start([Response::Body(RULES), Response::Body(TARGETS)]).await;
    let (_lambda, _extension, address) = start(&xray.address, &[]).await;
    let statistics = r#"{"SamplingStatisticsDocuments":[{"RuleName":"Default"}]}"#;
    for (path, body, expected) in [
        ("/GetSamplingRules", "{}", RULES),
        ("/SamplingTargets", statistics, TARGETS),
    ] {
        let answer = send(&address, request("POST", path, body)).await;
        assert_eq!(answer, (200, String::new(), expected.to_owned()));
        let forwarded = xray.next_request().await;
        let line = format!("POST {path} HTTP/1.1\r\n");
        assert!(forwarded.head.starts_with(&line), "{}", forwarded.head);
        assert_eq!(forwarded.body, body);
        let authorization = forwarded.header("authorization").unwrap();
        assert!(
            authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
                && authorization.contains("/eu-west-1/xray/aws4_request"),
            "{authorization}"
        );
    }
}

#[tokio::test]
async fn nothing_else_is_forwarded() {
    let mut xray = XRay::start([]).await;
    let (lambda, extension, address) = start(&xray.address, &[]).await;
    for path in [
        "/",
        "/TraceSegments",
        "/TraceSummaries",
        "/GetSamplingRules/",
        "/getsamplingrules",
    ] {
        let (status, _, body) = send(&address, request("POST", path, "{}")).await;
        assert_eq!(status, 404, "{path}: {body}");
    }
    for method in ["GET", "PUT", "OPTIONS"] {
        let (status, _, body) = send(&address, request(method, "/GetSamplingRules", "")).await;
        assert_eq!(status, 405, "{method}: {body}");
    }
    for (name, value) in [
        ("host", "evil.example"),
        ("origin", "http://127.0.0.1:2000"),
        ("sec-fetch-site", "same-origin"),
    ] {
        let mut request = request("POST", "/GetSamplingRules", "{}");
        request.headers_mut().insert(name, value.parse().unwrap());
        assert_eq!(send(&address, request).await.0, 403, "{name}");
    }
    let large = vec![b' '; 100_000];
    let answer = send(&address, request("POST", "/SamplingTargets", large)).await;
    assert_eq!(answer.0, 413);
    lambda.shutdown("SPINDOWN");
    assert_eq!(extension.exited().await.1, "");
    assert!(xray.received().is_empty());
}

#[tokio::test]
async fn an_error_of_x_ray_passes_and_an_unreachable_x_ray_is_a_502() {
    let xray = XRay::start([Response::Error(429, "ThrottledException")]).await;
    let (_lambda, _extension, address) = start(&xray.address, &[]).await;
    let answer = send(&address, request("POST", "/GetSamplingRules", "{}")).await;
    assert_eq!(
        answer,
        (429, "ThrottledException".to_owned(), "{}".to_owned())
    );

    let unreachable = UnreachableXRay::new();
    let (_lambda, _extension, address) = start(&unreachable.address, &[]).await;
    let (status, _, body) = send(&address, request("POST", "/GetSamplingRules", "{}")).await;
    assert_eq!(status, 502);
    assert!(body.contains("cannot reach X-Ray"), "{body}");
    assert!(!body.contains("AKID") && !body.contains("token"), "{body}");
}

#[tokio::test]
async fn both_protocols_may_have_their_own_addresses() {
    let xray = XRay::start([Response::Body(RULES)]).await;
    let (udp, tcp) = (own_address(), own_address());
    let both = format!("tcp:{tcp} udp:{udp}");
    let (_lambda, _extension, _) =
        start(&xray.address, &[("AWS_XRAY_DAEMON_ADDRESS", &both)]).await;
    let answer = send(&tcp, request("POST", "/GetSamplingRules", "{}")).await;
    assert_eq!(answer.0, 200);
    assert!(TcpStream::connect(&udp).await.is_err());
}

#[tokio::test]
async fn a_taken_port_does_not_harm_the_function() {
    let mut xray = XRay::start([]).await;
    let address = own_address();
    let _taken = TcpListener::bind(&address).await.unwrap();
    let mut lambda = Lambda::start(LambdaOptions::default()).await;
    let both = format!("tcp:{address} udp:{}", own_address());
    let variables = [("AWS_XRAY_DAEMON_ADDRESS", both.as_str())];
    let mut extension = Extension::start_with(&lambda, &xray.address, &variables);
    extension.intake = both.rsplit_once("udp:").unwrap().1.to_owned();
    lambda.ready().await;
    lambda.telemetry("[]").await;
    lambda.invoke("r-1", FUNCTION_TIMEOUT).await;
    extension.send_document(&id(1));
    extension.send_done("r-1");
    lambda.wait_for_next().await;
    lambda.shutdown("SPINDOWN");
    assert_eq!(extension.exited().await.1, "");
    assert_eq!(xray.received().len(), 1);
}

#[tokio::test]
async fn half_sent_requests_take_little_memory_and_leave_the_port_alive() {
    let xray = XRay::start([Response::Body(RULES)]).await;
    let (_lambda, extension, address) = start(&xray.address, &[]).await;
    drop(connect(&address).await);
    let before = extension.resident_kilobytes();
    for _ in 0..3 {
        let mut connections = Vec::new();
        for _ in 0..100 {
            let mut stream = connect(&address).await;
            let head = "POST /SamplingTargets HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 60000\r\n\r\n";
            stream.write_all(head.as_bytes()).await.unwrap();
            let _ = stream.try_write(&vec![b' '; 50_000]);
            connections.push(stream);
        }
    }
    let answer = send(&address, request("POST", "/GetSamplingRules", "{}")).await;
    assert_eq!(answer.0, 200);
    let growth = extension.resident_kilobytes().saturating_sub(before);
    assert!(growth < 4 * 1024, "{before} kB and {growth} kB more");
}

#[tokio::test]
async fn without_the_sink_xray_the_port_stays_closed() {
    let folder = tempfile::tempdir().unwrap();
    let file = format!("file:{}", folder.path().join("documents.jsonl").display());
    let xray = XRay::start([]).await;
    let (mut lambda, _extension, address) =
        start(&xray.address, &[("XRAY_LAMBDA_SINKS", &file)]).await;
    lambda.telemetry("[]").await;
    lambda.invoke("r-1", FUNCTION_TIMEOUT).await;
    lambda.runtime_done("r-1").await;
    lambda.wait_for_next().await;
    assert!(TcpStream::connect(&address).await.is_err());
}
