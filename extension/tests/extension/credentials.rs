//! Credentials from the sandbox's endpoint, as with SnapStart.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::lambda::{FUNCTION_TIMEOUT, Lambda, LambdaOptions};
use crate::sandbox::{Extension, id};
use crate::xray::{PutRequest, Response, XRay};

/// Starts an endpoint for credentials. Returns its URL and the requests that it receives.
async fn endpoint(status: u16, expiration: &str) -> (String, UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/credentials?a=b", listener.local_addr().unwrap());
    let (request_sender, requests) = unbounded_channel();
    let body = format!(
        r#"{{"AccessKeyId":"AKIDRESTORED","SecretAccessKey":"secret-restored","Token":"token-restored","Expiration":"{expiration}"}}"#
    );
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            request_sender
                .send(String::from_utf8(head).unwrap())
                .unwrap();
            let response = format!(
                "HTTP/1.1 {status} x\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(response.as_bytes()).await.unwrap();
        }
    });
    (url, requests)
}

/// Runs two invocations of a function without credentials in its environment, as
/// [`invoke_twice`] does.
async fn two_invocations(url: &str) -> (XRay, String) {
    let variables = [
        ("AWS_ACCESS_KEY_ID", ""),
        ("AWS_SECRET_ACCESS_KEY", ""),
        ("AWS_SESSION_TOKEN", ""),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "let-me-in"),
    ];
    invoke_twice([], &variables).await
}

/// Runs two invocations, each with one document. Returns X-Ray and the log.
async fn invoke_twice(
    script: impl IntoIterator<Item = Response>,
    variables: &[(&str, &str)],
) -> (XRay, String) {
    let mut lambda = Lambda::start(LambdaOptions::default()).await;
    let xray = XRay::start(script).await;
    let extension = Extension::start_with(&lambda, &xray.address, variables);
    lambda.ready().await;
    lambda.telemetry("[]").await;
    for n in 1..=2 {
        let request_id = format!("r-{n}");
        lambda.invoke(&request_id, FUNCTION_TIMEOUT).await;
        extension.send_document(&id(n));
        extension.send_done(&request_id);
        lambda.wait_for_next().await;
    }
    lambda.shutdown("SPINDOWN");
    (xray, extension.exited().await.1)
}

#[tokio::test]
async fn without_credentials_in_the_environment_the_endpoint_is_called_once() {
    let (url, mut requests) = endpoint(200, "2999-01-10T09:00:00Z").await;
    let (mut xray, log) = two_invocations(&url).await;
    assert_eq!(log, "");
    for _ in 0..2 {
        let request = xray.next_request().await;
        let authorization = request.header("authorization").unwrap();
        assert!(
            authorization.contains("Credential=AKIDRESTORED/"),
            "{authorization}"
        );
        assert_eq!(
            request.header("x-amz-security-token"),
            Some("token-restored")
        );
    }
    let request = requests.try_recv().unwrap();
    assert!(
        request.starts_with("GET /credentials?a=b HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(
        request.contains("\r\nauthorization: let-me-in\r\n"),
        "{request}"
    );
    assert!(requests.try_recv().is_err(), "a second request");
}

#[tokio::test]
async fn expired_credentials_are_fetched_again() {
    let (url, mut requests) = endpoint(200, "2001-01-10T09:00:00Z").await;
    let (mut xray, log) = two_invocations(&url).await;
    assert_eq!((log.as_str(), xray.received().len()), ("", 2));
    assert!(requests.try_recv().is_ok() && requests.try_recv().is_ok());
}

#[tokio::test]
async fn an_error_of_the_endpoint_is_logged_without_the_response_body() {
    let (url, _requests) = endpoint(403, "").await;
    let (mut xray, log) = two_invocations(&url).await;
    assert!(
        log.contains("AWS_CONTAINER_CREDENTIALS_FULL_URI: it responded with 403"),
        "{log}"
    );
    assert!(!log.contains("restored"), "{log}");
    assert!(xray.received().is_empty());
}

/// The access key that a request was signed with.
fn access_key(request: &PutRequest) -> &str {
    let (_, after) = request
        .header("authorization")
        .unwrap()
        .split_once("Credential=")
        .unwrap();
    after.split_once('/').unwrap().0
}

#[tokio::test]
async fn if_the_environments_credentials_have_expired_the_endpoint_is_asked_in_the_same_flush() {
    for error in ["ExpiredTokenException", "UnrecognizedClientException"] {
        let (url, mut requests) = endpoint(200, "2999-01-10T09:00:00Z").await;
        let variables = [("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.as_str())];
        let script = [Response::Error(403, error)];
        let (mut xray, log) = invoke_twice(script, &variables).await;
        assert_eq!(log, "");
        for (document, key) in [(1, "AKIDEXAMPLE"), (1, "AKIDRESTORED"), (2, "AKIDRESTORED")] {
            let request = xray.next_request().await;
            assert_eq!(access_key(&request), key);
            assert_eq!(request.documents[0]["id"], id(document));
        }
        assert!(requests.try_recv().is_ok());
        assert!(requests.try_recv().is_err(), "a second request");
    }
}

#[tokio::test]
async fn if_the_endpoints_credentials_have_expired_it_is_asked_again() {
    let (url, mut requests) = endpoint(200, "2999-01-10T09:00:00Z").await;
    let variables = [
        ("AWS_ACCESS_KEY_ID", ""),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.as_str()),
    ];
    let script = [Response::Error(403, "ExpiredTokenException")];
    let (mut xray, log) = invoke_twice(script, &variables).await;
    assert_eq!(log, "");
    assert_eq!(xray.received().len(), 3);
    assert!(requests.try_recv().is_ok() && requests.try_recv().is_ok());
}

#[tokio::test]
async fn without_another_source_expired_credentials_are_used_once_in_each_flush() {
    let script = [Response::Error(403, "ExpiredTokenException")];
    let (mut xray, log) = invoke_twice(script, &[]).await;
    assert!(log.contains("ExpiredTokenException"), "{log}");
    let first = xray.next_request().await;
    assert_eq!(first.documents.len(), 1);
    assert_eq!(access_key(&first), "AKIDEXAMPLE");
}
