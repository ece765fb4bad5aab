//! Endpoints, TLS and proxies.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::lambda::{FUNCTION_TIMEOUT, Lambda, LambdaOptions, TEST_TIMEOUT};
use crate::sandbox::{Extension, id};
use crate::xray::XRay;

/// Starts an extension that has a document to send. Returns its first connection to
/// `listener`.
async fn connection(
    listener: &TcpListener,
    endpoint: &str,
    more: &[(&str, &str)],
) -> (TcpStream, Extension) {
    let mut lambda = Lambda::start(LambdaOptions::default()).await;
    let mut variables = vec![("AWS_ENDPOINT_URL_XRAY", endpoint)];
    variables.extend(more);
    let extension = Extension::start_with(&lambda, "", &variables);
    lambda.ready().await;
    lambda.invoke("r-1", FUNCTION_TIMEOUT).await;
    extension.send_document(&id(1));
    extension.send_done("r-1");
    let (stream, _) = timeout(TEST_TIMEOUT, listener.accept())
        .await
        .expect("a connection")
        .unwrap();
    (stream, extension)
}

/// Returns whether the peer starts TLS: a handshake record with a ClientHello (RFC 8446, 4 and
/// 5.1).
async fn sends_client_hello(stream: &mut TcpStream) -> bool {
    let mut record = [0; 6];
    timeout(TEST_TIMEOUT, stream.read_exact(&mut record))
        .await
        .unwrap()
        .unwrap();
    record[0] == 22 && record[1] == 3 && record[5] == 1
}

#[tokio::test]
async fn an_https_endpoint_is_called_with_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("https://{}", listener.local_addr().unwrap());
    let (mut stream, _extension) = connection(&listener, &endpoint, &[]).await;
    assert!(sends_client_hello(&mut stream).await);
}

#[tokio::test]
async fn x_ray_is_called_through_the_proxy_of_the_environment() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let variables = [
        ("HTTPS_PROXY", proxy.as_str()),
        ("AWS_REGION", "cn-north-1"),
    ];
    let (mut stream, _extension) = connection(&listener, "", &variables).await;
    let mut head = String::new();
    while !head.contains("\r\n\r\n") {
        let byte = timeout(TEST_TIMEOUT, stream.read_u8())
            .await
            .unwrap()
            .unwrap();
        head.push(char::from(byte));
    }
    assert!(
        head.starts_with("CONNECT xray.cn-north-1.amazonaws.com.cn:443 HTTP/1.1\r\n"),
        "{head}"
    );
    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    assert!(
        sends_client_hello(&mut stream).await,
        "TLS inside the tunnel"
    );
}

#[tokio::test]
async fn an_endpoint_in_the_sandbox_is_called_without_the_proxy() {
    let mut lambda = Lambda::start(LambdaOptions::default()).await;
    let mut xray = XRay::start([]).await;
    let variables = [
        ("HTTP_PROXY", "http://127.0.0.1:9"),
        ("HTTPS_PROXY", "http://127.0.0.1:9"),
    ];
    let extension = Extension::start_with(&lambda, &xray.address, &variables);
    lambda.ready().await;
    extension.send_document(&id(1));
    lambda.shutdown("SPINDOWN");
    assert_eq!(extension.exited().await.1, "");
    assert_eq!(xray.received().len(), 1);
}

#[tokio::test]
async fn the_path_of_an_endpoint_is_kept() {
    let mut lambda = Lambda::start(LambdaOptions::default()).await;
    let mut xray = XRay::start([]).await;
    let extension = Extension::start(&lambda, &format!("{}/base/", xray.address));
    lambda.ready().await;
    extension.send_document(&id(1));
    lambda.shutdown("SPINDOWN");
    let request = xray.next_request().await;
    assert!(
        request
            .head
            .starts_with("POST /base/TraceSegments HTTP/1.1"),
        "{}",
        request.head
    );
    assert!(extension.exited().await.0.success());
}

/// Runs an invocation whose document cannot be sent to `xray.invalid`, a name that no resolver
/// knows (RFC 6761, 6.4). Returns the log.
async fn log_with_an_unknown_host(more: &[(&str, &str)]) -> String {
    let mut lambda = Lambda::start(LambdaOptions::default()).await;
    let mut variables = vec![("AWS_ENDPOINT_URL_XRAY", "https://xray.invalid")];
    variables.extend(more);
    let extension = Extension::start_with(&lambda, "", &variables);
    lambda.ready().await;
    lambda.telemetry("[]").await;
    lambda.invoke("r-1", FUNCTION_TIMEOUT).await;
    extension.send_document(&id(1));
    extension.send_done("r-1");
    lambda.wait_for_next().await;
    lambda.shutdown("SPINDOWN");
    let (status, log) = extension.exited().await;
    assert!(status.success(), "{log}");
    assert!(log.contains("1 documents received: 0 sent"), "{log}");
    log
}

#[tokio::test]
async fn an_unknown_host_does_not_harm_the_function() {
    let log = log_with_an_unknown_host(&[]).await;
    assert!(log.contains("X-Ray"), "{log}");
}

#[tokio::test]
async fn a_host_in_no_proxy_is_not_called_through_the_proxy() {
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", proxy.local_addr().unwrap());
    log_with_an_unknown_host(&[("HTTPS_PROXY", &url), ("NO_PROXY", "localhost,.invalid")]).await;
    let connection = timeout(std::time::Duration::from_millis(100), proxy.accept()).await;
    assert!(connection.is_err(), "the proxy was called");
}
