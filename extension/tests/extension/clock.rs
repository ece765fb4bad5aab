//! A clock of the sandbox that differs from AWS's.

use std::time::{Duration, SystemTime};

use crate::lambda::{FUNCTION_TIMEOUT, Lambda, LambdaOptions};
use crate::sandbox::{Extension, id};
use crate::xray::{PutRequest, Response, XRay};

/// The time that a request was signed with, as `20260301T120000Z`.
fn signed_at(request: &PutRequest) -> String {
    request.header("x-amz-date").unwrap().to_owned()
}

/// An HTTP date as SigV4 writes it, without the seconds.
fn minute(time: SystemTime) -> String {
    let text = xray_document::Timestamp::from(time).to_iso8601();
    text.replace(['-', ':'], "")[..13].to_owned()
}

#[tokio::test]
async fn a_wrong_clock_is_corrected_by_the_date_of_the_response_in_the_same_flush() {
    // Just after the beginning of a minute, so that the test does not cross one.
    let now = SystemTime::now() + Duration::from_secs(3 * 3_600);
    let since_epoch = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let aws = now - Duration::from_secs(since_epoch % 60) + Duration::from_secs(5);
    let date = httpdate::fmt_http_date(aws);

    let mut lambda = Lambda::start(LambdaOptions::default()).await;
    let skewed = Response::ErrorAt(403, "InvalidSignatureException", date);
    let mut xray = XRay::start([skewed]).await;
    let extension = Extension::start(&lambda, &xray.address);
    lambda.ready().await;
    lambda.telemetry("[]").await;
    for n in 1..=2 {
        lambda.invoke(&format!("r-{n}"), FUNCTION_TIMEOUT).await;
        extension.send_document(&id(n));
        extension.send_done(&format!("r-{n}"));
        lambda.wait_for_next().await;
    }
    lambda.shutdown("SPINDOWN");
    assert_eq!(extension.exited().await.1, "");
    let first = xray.next_request().await;
    assert!(!signed_at(&first).starts_with(&minute(aws)));
    for n in 1..=2 {
        let request = xray.next_request().await;
        assert_eq!(request.documents[0]["id"], id(n));
        let signed = signed_at(&request);
        assert!(signed.starts_with(&minute(aws)), "{signed}");
    }
}

#[tokio::test]
async fn an_error_with_the_right_date_is_not_sent_again_at_once() {
    let mut lambda = Lambda::start(LambdaOptions::default()).await;
    let date = httpdate::fmt_http_date(SystemTime::now());
    let error = Response::ErrorAt(403, "AccessDeniedException", date);
    let mut xray = XRay::start([error]).await;
    let extension = Extension::start(&lambda, &xray.address);
    lambda.ready().await;
    lambda.telemetry("[]").await;
    lambda.invoke("r-1", FUNCTION_TIMEOUT).await;
    extension.send_document(&id(1));
    extension.send_done("r-1");
    lambda.wait_for_next().await;
    assert_eq!(xray.received().len(), 1);
}
