//! Documents sent as another role (`XRAY_LAMBDA_ROLE_ARN`).

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::lambda::{FUNCTION_TIMEOUT, Lambda, LambdaOptions};
use crate::sandbox::{Extension, id};
use crate::xray::{Response, XRay};

const ROLE: &str = "arn:aws:iam::210987654321:role/traces";

/// A scripted STS.
struct Sts {
    url: String,
    /// The head and the body of each request.
    requests: Arc<Mutex<Vec<String>>>,
}

impl Sts {
    /// Responds to each request with the next of these, and to all further ones with the last.
    async fn start(responses: Vec<(u16, String)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            let mut served = 0;
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = read(&mut stream).await;
                seen.lock().unwrap().push(request);
                let (status, body) = &responses[served.min(responses.len() - 1)];
                served += 1;
                let length = body.len();
                let response = format!(
                    "HTTP/1.1 {status} x\r\ncontent-type: text/xml\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
                );
                let _ = stream.write_all(response.as_bytes()).await;
            }
        });
        Self { url, requests }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn read(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    loop {
        text.push(char::from(stream.read_u8().await.unwrap()));
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if body.len() == length.unwrap().parse::<usize>().unwrap() {
                return text;
            }
        }
    }
}

/// The response of STS (STS API Reference, AssumeRole, example).
fn credentials(key: &str, expiration: &str) -> (u16, String) {
    let xml = format!(
        r#"<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleResult>
    <AssumedRoleUser><AssumedRoleId>ARO123EXAMPLE123:x</AssumedRoleId><Arn>{ROLE}</Arn></AssumedRoleUser>
    <Credentials>
      <AccessKeyId>{key}</AccessKeyId>
      <SecretAccessKey>wJalrXUtnFEMI/K7MDENG</SecretAccessKey>
      <SessionToken>AQoDYXdzEPT//wEXAMPLE==</SessionToken>
      <Expiration>{expiration}</Expiration>
    </Credentials>
  </AssumeRoleResult>
</AssumeRoleResponse>"#
    );
    (200, xml)
}

fn error(status: u16, code: &str) -> (u16, String) {
    let xml = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>secret message</Message></Error></ErrorResponse>"
    );
    (status, xml)
}

/// Runs two invocations, each with one document. Returns X-Ray and the log.
async fn two_invocations(
    sts: &Sts,
    script: Vec<Response>,
    more: &[(&str, &str)],
) -> (XRay, String) {
    let mut lambda = Lambda::start(LambdaOptions::default()).await;
    let xray = XRay::start(script).await;
    let mut variables = vec![
        ("XRAY_LAMBDA_ROLE_ARN", ROLE),
        ("AWS_ENDPOINT_URL_STS", sts.url.as_str()),
    ];
    variables.extend(more);
    let extension = Extension::start_with(&lambda, &xray.address, &variables);
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
async fn documents_are_signed_as_the_assumed_role_which_is_assumed_once() {
    let sts = Sts::start(vec![credentials("ASIAROLE", "2999-01-01T00:00:00Z")]).await;
    let (mut xray, log) = two_invocations(&sts, vec![], &[]).await;
    assert_eq!(log, "");
    for _ in 0..2 {
        let request = xray.next_request().await;
        let authorization = request.header("authorization").unwrap();
        assert!(
            authorization.contains("Credential=ASIAROLE/"),
            "{authorization}"
        );
        let token = request.header("x-amz-security-token");
        assert_eq!(token, Some("AQoDYXdzEPT//wEXAMPLE=="));
    }
    let requests = sts.requests();
    assert_eq!(requests.len(), 1);
    assert!(
        requests[0].starts_with("POST / HTTP/1.1\r\n"),
        "{}",
        requests[0]
    );
    assert!(
        requests[0].contains("Credential=AKIDEXAMPLE/"),
        "{}",
        requests[0]
    );
    assert!(
        requests[0].contains("/eu-west-1/sts/aws4_request"),
        "{}",
        requests[0]
    );
    assert!(
        requests[0].ends_with(
            "\r\n\r\nAction=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A210987654321%3Arole%2Ftraces&RoleSessionName=xray-lambda-orders"
        ),
        "{}",
        requests[0]
    );
}

#[tokio::test]
async fn a_role_that_expires_soon_or_was_rejected_is_assumed_again() {
    let soon = credentials("ASIASOON", "2001-01-01T00:00:00Z");
    let sts = Sts::start(vec![soon]).await;
    let (mut xray, log) = two_invocations(&sts, vec![], &[]).await;
    assert_eq!((log.as_str(), xray.received().len()), ("", 2));
    assert_eq!(sts.requests().len(), 2);

    let late = "2999-01-01T00:00:00Z";
    let sts = Sts::start(vec![
        credentials("ASIAONE", late),
        credentials("ASIATWO", late),
    ])
    .await;
    let script = vec![Response::Error(403, "ExpiredTokenException")];
    let (mut xray, log) = two_invocations(&sts, script, &[]).await;
    assert_eq!(log, "");
    for key in ["ASIAONE", "ASIATWO", "ASIATWO"] {
        let request = xray.next_request().await;
        let authorization = request.header("authorization").unwrap();
        assert!(authorization.contains(key), "{authorization}");
    }
}

#[tokio::test]
async fn a_role_that_cannot_be_assumed_is_logged_with_the_reason_and_nothing_is_sent() {
    for (response, reason) in [
        (
            error(403, "AccessDenied"),
            "STS responded with 403 AccessDenied; the function's role needs sts:AssumeRole",
        ),
        (
            error(400, "ValidationError"),
            "STS responded with 400 ValidationError; it is not the ARN",
        ),
        ((500, String::new()), "STS responded with 500"),
        (
            (200, "<html>log in</html>".to_owned()),
            "contains no credentials",
        ),
    ] {
        let sts = Sts::start(vec![response]).await;
        let (mut xray, log) = two_invocations(&sts, vec![], &[]).await;
        let expected = format!("cannot assume the role of XRAY_LAMBDA_ROLE_ARN: {reason}");
        assert!(
            log.contains(&expected) || log.contains(reason),
            "{expected}: {log}"
        );
        assert!(!log.contains("secret"), "{log}");
        assert!(xray.received().is_empty());
    }
}
