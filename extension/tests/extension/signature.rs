//! The signature of a request, recomputed.

use std::fmt::Write;

use ring::{digest, hmac};

use crate::lambda::{Lambda, LambdaOptions};
use crate::sandbox::{Extension, id};
use crate::xray::XRay;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn sha256(text: &str) -> String {
    hex(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
}

fn sign(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
        .as_ref()
        .to_vec()
}

/// Follows AWS's description (IAM User Guide, "Create a signed AWS API request").
#[tokio::test]
async fn a_request_is_signed_with_sigv4_for_the_service_xray() {
    let mut lambda = Lambda::start(LambdaOptions::default()).await;
    let mut xray = XRay::start([]).await;
    let extension = Extension::start(&lambda, &xray.address);
    lambda.ready().await;
    extension.send_document(&id(1));
    lambda.shutdown("SPINDOWN");
    let request = xray.next_request().await;
    assert!(extension.exited().await.0.success());

    assert!(
        request.head.starts_with("POST /TraceSegments HTTP/1.1\r\n"),
        "{}",
        request.head
    );
    assert_eq!(
        request.header("x-amz-security-token"),
        Some("token-example")
    );
    let authorization = request.header("authorization").unwrap();
    let fields = authorization.strip_prefix("AWS4-HMAC-SHA256 ").unwrap();
    let field = |name: &str| {
        fields
            .split(',')
            .find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
            .unwrap()
    };
    let time = request.header("x-amz-date").unwrap();
    let scope = format!("{}/eu-west-1/xray/aws4_request", &time[..8]);
    assert_eq!(field("Credential"), format!("AKIDEXAMPLE/{scope}"));

    let signed: Vec<&str> = field("SignedHeaders").split(';').collect();
    for name in ["content-type", "host", "x-amz-date", "x-amz-security-token"] {
        assert!(signed.contains(&name), "{name} is signed: {signed:?}");
    }
    let mut canonical = "POST\n/TraceSegments\n\n".to_owned();
    for name in &signed {
        writeln!(canonical, "{name}:{}", request.header(name).unwrap()).unwrap();
    }
    write!(
        canonical,
        "\n{}\n{}",
        signed.join(";"),
        sha256(&request.body)
    )
    .unwrap();
    let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", sha256(&canonical));
    let mut key = b"AWS4secret-example".to_vec();
    for part in scope.split('/') {
        key = sign(&key, part);
    }
    assert_eq!(field("Signature"), hex(&sign(&key, &to_sign)));
}
