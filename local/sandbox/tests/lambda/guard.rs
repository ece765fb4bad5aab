use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::TestLambda;

const NEXT: &str = "/2018-06-01/runtime/invocation/next";
const PING: &str = "/2018-06-01/ping";

/// The status and the body of the response to a request with these headers.
fn send(address: &str, request_line: &str, headers: &[&str]) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let headers = headers.join("\r\n");
    write!(
        stream,
        "{request_line} HTTP/1.1\r\n{headers}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

async fn runtime_api(lambda: &TestLambda) -> String {
    lambda.echo().await["env"]["AWS_LAMBDA_RUNTIME_API"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_from_outside_of_the_environment_is_rejected_on_every_path() {
    let lambda = TestLambda::new();
    lambda.sandbox.add_function(lambda.function());
    let address = runtime_api(&lambda).await;
    let port = address.rsplit_once(':').unwrap().1;
    let host = format!("Host: {address}");
    let foreign = [
        vec!["Host: evil.example".to_owned()],
        vec![format!("Host: evil.example:{port}")],
        vec![format!("Host: localhost:{port}")],
        vec![format!("Host: 127.0.0.1:{port}")],
        vec![format!("Host: {address}.evil.example")],
        vec![format!("Host: {}", address.replace(':', ""))],
        vec!["Host:".to_owned()],
        vec!["Accept: */*".to_owned()],
        vec![host.clone(), "Host: evil.example".to_owned()],
        vec!["Host: evil.example".to_owned(), host.clone()],
        vec![host.clone(), host.clone()],
        vec![host.clone(), "Origin: https://evil.example".to_owned()],
        vec![host.clone(), "Origin: null".to_owned()],
        vec![host.clone(), format!("Origin: http://{address}")],
        vec![host.clone(), "Sec-Fetch-Site: cross-site".to_owned()],
        vec![host.clone(), "Sec-Fetch-Site: none".to_owned()],
        vec![host.clone(), "Sec-Fetch-Dest: image".to_owned()],
    ];
    for headers in &foreign {
        let headers: Vec<_> = headers.iter().map(String::as_str).collect();
        for line in [
            format!("GET {NEXT}"),
            format!("GET {PING}"),
            "OPTIONS /2020-01-01/extension/register".to_owned(),
            "GET /2020-01-01/extension/event/next".to_owned(),
            "POST /2018-06-01/runtime/init/error".to_owned(),
            "PUT /2022-07-01/telemetry".to_owned(),
            "GET /no/such/path".to_owned(),
        ] {
            let (status, body) = send(&address, &line, &headers);
            assert_eq!(status, 403, "{line} {headers:?}: {body}");
            let body: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(body["errorType"], "Sandbox.ForeignCaller");
            let message = body["errorMessage"].as_str().unwrap();
            assert!(!message.contains(&address), "{message}");
        }
    }
    let absolute = format!("GET http://evil.example{PING}");
    assert_eq!(send(&address, &absolute, &[&host]).0, 403);
    lambda.sandbox.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_host_does_not_receive_a_pending_event() {
    let lambda = TestLambda::new();
    lambda.sandbox.add_function(lambda.function());
    let address = runtime_api(&lambda).await;
    let thief = {
        let address = address.clone();
        move || send(&address, &format!("GET {NEXT}"), &["Host: evil.example"])
    };
    let stolen = tokio::task::spawn_blocking(thief);
    let event = json!({"secret": "value"});
    assert_eq!(lambda.invoke(event.clone()).await["event"], event);
    let (status, body) = stolen.await.unwrap();
    assert_eq!(status, 403, "{body}");
    assert!(!body.contains("secret"), "{body}");
    lambda.sandbox.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn runtimes_and_extensions_are_answered() {
    let lambda = TestLambda::new();
    lambda.sandbox.add_function(lambda.function());
    let address = runtime_api(&lambda).await;
    let host = format!("Host: {address}");
    let lower_case = format!("host: {address}");
    for headers in [
        vec![host.as_str()],
        vec![lower_case.as_str(), "user-agent: aws-lambda-rust/1.1.1"],
        // Node's `fetch`.
        vec![lower_case.as_str(), "sec-fetch-mode: cors", "accept: */*"],
    ] {
        let answer = send(&address, &format!("GET {PING}"), &headers);
        assert_eq!(answer, (200, "pong".to_owned()), "{headers:?}");
    }
    let absolute = format!("GET http://{address}{PING}");
    assert_eq!(send(&address, &absolute, &[&host]).0, 200);
    lambda.sandbox.shutdown().await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn each_environment_has_a_loopback_address_of_its_own() {
    let lambda = TestLambda::new();
    let mut hosts = std::collections::HashSet::new();
    for _ in 0..3 {
        // A replaced function starts a new environment.
        lambda.sandbox.add_function(lambda.function());
        let address: std::net::SocketAddr = runtime_api(&lambda).await.parse().unwrap();
        assert!(address.ip().is_loopback(), "{address}");
        assert_ne!(address.ip(), std::net::Ipv4Addr::LOCALHOST);
        assert!(hosts.insert(address.ip()), "{address} is used twice");
    }
    lambda.sandbox.shutdown().await;
}
