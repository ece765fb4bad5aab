//! X-Ray that is slow, silent, broken or unreachable.

use std::time::{Duration, Instant};

use crate::lambda::{FUNCTION_TIMEOUT, Lambda, LambdaOptions};
use crate::sandbox::{Extension, id};
use crate::xray::{LostXRay, Response, UnreachableXRay, XRay};

struct Fixture {
    lambda: Lambda,
    xray: XRay,
    extension: Extension,
    invocations: u64,
}

impl Fixture {
    async fn start(script: Vec<Response>, variables: &[(&str, &str)]) -> Self {
        let mut lambda = Lambda::start(LambdaOptions::default()).await;
        let xray = XRay::start(script).await;
        let extension = Extension::start_with(&lambda, &xray.address, variables);
        lambda.ready().await;
        lambda.telemetry("[]").await;
        Self {
            lambda,
            xray,
            extension,
            invocations: 0,
        }
    }

    /// Runs one invocation, with a document of its number. Returns the time between its end and
    /// `/next`.
    async fn invoke(&mut self) -> Duration {
        self.invocations += 1;
        let request_id = format!("r-{}", self.invocations);
        self.lambda.invoke(&request_id, FUNCTION_TIMEOUT).await;
        self.extension.send_document(&id(self.invocations));
        let ended = Instant::now();
        self.extension.send_done(&request_id);
        self.lambda.wait_for_next().await;
        ended.elapsed()
    }

    /// Ends the extension. Returns X-Ray and the log.
    async fn shutdown(self) -> (XRay, String) {
        self.lambda.shutdown("SPINDOWN");
        let (status, log) = self.extension.exited().await;
        assert!(status.success(), "{log}");
        (self.xray, log)
    }
}

#[tokio::test]
async fn documents_of_a_failed_request_are_sent_in_the_next_invocation() {
    for response in [
        Response::Error(429, "ThrottledException"),
        Response::Error(500, ""),
        Response::Error(403, "ExpiredTokenException"),
        Response::Truncate,
        Response::Reset,
        Response::Close,
        Response::ProxyPage,
        Response::Endless,
        Response::Redirect("http://127.0.0.1:1/".to_owned()),
    ] {
        let mut fixture = Fixture::start(vec![response.clone()], &[]).await;
        fixture.invoke().await;
        assert_eq!(fixture.xray.received().len(), 1);
        fixture.invoke().await;
        let ids: Vec<String> = fixture
            .xray
            .received()
            .iter()
            .map(|document| document["id"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(
            ids.iter().filter(|sent| **sent == id(1)).count(),
            2,
            "{response:?}: {ids:?}"
        );
        assert!(ids.contains(&id(2)), "{response:?}: {ids:?}");
        let (_, log) = fixture.shutdown().await;
        assert_eq!(
            log.matches("kept for the next flush").count(),
            1,
            "{response:?}: {log}"
        );
        assert!(
            !log.contains("documents received"),
            "nothing was lost: {log}"
        );
    }
}

#[tokio::test]
async fn a_silent_x_ray_delays_next_by_the_flush_timeout_at_most() {
    let mut fixture = Fixture::start(
        vec![Response::Hang, Response::Hang],
        &[("XRAY_LAMBDA_FLUSH_TIMEOUT_MS", "300")],
    )
    .await;
    let held = fixture.invoke().await;
    assert!(
        held >= Duration::from_millis(250) && held < Duration::from_millis(1_500),
        "{held:?}"
    );
    let (mut xray, log) = fixture.shutdown().await;
    assert!(
        log.contains("still in flight: no response from X-Ray within 300ms"),
        "{log}"
    );
    let sent = xray
        .received()
        .iter()
        .filter(|document| document["id"] == *id(1))
        .count();
    assert!(sent > 1, "sent again at SHUTDOWN");
}

#[tokio::test]
async fn a_silent_x_ray_does_not_delay_next_beyond_the_deadline() {
    let mut fixture = Fixture::start(
        vec![Response::Hang],
        &[("XRAY_LAMBDA_FLUSH_TIMEOUT_MS", "30000")],
    )
    .await;
    let begun = Instant::now();
    fixture
        .lambda
        .invoke("r-1", Duration::from_millis(800))
        .await;
    fixture.extension.send_document(&id(1));
    fixture.extension.send_done("r-1");
    fixture.lambda.wait_for_next().await;
    assert!(
        begun.elapsed() < Duration::from_millis(1_500),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn a_silent_x_ray_does_not_delay_the_exit_beyond_the_shutdown_deadline() {
    let mut fixture = Fixture::start((0..50).map(|_| Response::Hang).collect(), &[]).await;
    fixture.lambda.invoke("r-1", FUNCTION_TIMEOUT).await;
    fixture.extension.send_document(&id(1));
    let begun = Instant::now();
    fixture.lambda.runtime_done("r-0").await;
    fixture.extension.send_done("r-1");
    fixture.lambda.wait_for_next().await;
    let held = begun.elapsed();
    assert!(held < Duration::from_millis(2_600), "{held:?}");
    let begun = Instant::now();
    let (_, log) = fixture.shutdown().await;
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
    assert!(
        log.contains("1 documents received: 0 sent, 0 rejected, 1 dropped, 0 buffered"),
        "{log}"
    );
    assert!(log.contains("no response from X-Ray within"), "{log}");
}

#[tokio::test]
async fn documents_are_sent_even_if_the_flush_timeout_is_zero_or_short() {
    for milliseconds in ["0", "30"] {
        let slow = Response::AcceptAfter(Duration::from_millis(200));
        let mut fixture = Fixture::start(
            vec![slow],
            &[("XRAY_LAMBDA_FLUSH_TIMEOUT_MS", milliseconds)],
        )
        .await;
        fixture.lambda.invoke("r-1", FUNCTION_TIMEOUT).await;
        fixture.extension.send_document(&id(1));
        // Sent while the handler runs.
        fixture.xray.wait_for(&id(1)).await;
        let is_held = !fixture.lambda.has_unread_call();
        assert_eq!(is_held, milliseconds != "0", "{milliseconds}");
        fixture.extension.send_done("r-1");
        fixture.lambda.wait_for_next().await;
        assert_eq!(fixture.shutdown().await.1, "", "{milliseconds}");
    }
}

#[tokio::test]
async fn a_complete_document_replaces_its_unsent_in_progress_version() {
    let mut fixture = Fixture::start(vec![], &[]).await;
    fixture.lambda.invoke("r-1", FUNCTION_TIMEOUT).await;
    fixture.extension.send_in_progress(&id(1));
    fixture.extension.send_document(&id(1));
    fixture.extension.send_done("r-1");
    fixture.lambda.wait_for_next().await;
    let (mut xray, log) = fixture.shutdown().await;
    let documents = xray.received();
    assert_eq!(documents.len(), 1, "{documents:?}");
    assert!(documents[0].get("in_progress").is_none());
    assert_eq!(log, "", "nothing was lost");
}

#[tokio::test]
async fn a_closed_connection_is_replaced_within_the_same_flush() {
    let mut fixture = Fixture::start(
        vec![Response::Accept, Response::Close, Response::Accept],
        &[],
    )
    .await;
    fixture.invoke().await;
    fixture.invoke().await;
    let ids: Vec<_> = fixture
        .xray
        .received()
        .iter()
        .map(|document| document["id"].clone())
        .collect();
    assert_eq!(ids, [id(1), id(2), id(2)]);
    assert_eq!(fixture.shutdown().await.1, "");
}

#[tokio::test]
async fn a_silent_connection_is_replaced_within_the_same_flush() {
    let mut fixture = Fixture::start(
        vec![Response::Accept, Response::Hang, Response::Accept],
        &[],
    )
    .await;
    fixture.invoke().await;
    let held = fixture.invoke().await;
    assert!(held < Duration::from_millis(1_800), "{held:?}");
    assert_eq!(fixture.shutdown().await.1, "");
}

#[tokio::test]
async fn a_throttled_document_is_sent_again_and_an_invalid_document_is_rejected() {
    let mut fixture = Fixture::start(
        vec![
            Response::Unprocessed("ThrottledException", vec![id(1)]),
            Response::Unprocessed("InvalidTraceId", vec![id(2)]),
        ],
        &[],
    )
    .await;
    fixture.invoke().await;
    fixture.invoke().await;
    fixture.invoke().await;
    let (mut xray, log) = fixture.shutdown().await;
    let documents = xray.received();
    let count = |n| {
        documents
            .iter()
            .filter(|document| document["id"] == *id(n))
            .count()
    };
    assert_eq!((count(1), count(2), count(3)), (2, 1, 1));
    assert!(log.contains("InvalidTraceId"), "{log}");
    assert!(
        log.contains("3 documents received: 2 sent, 1 rejected, 0 dropped, 0 buffered"),
        "{log}"
    );
}

/// The ids of the documents with these numbers.
fn ids(numbers: std::ops::RangeInclusive<u64>) -> Vec<String> {
    numbers.map(id).collect()
}

#[tokio::test]
async fn a_slow_x_ray_receives_each_document_once() {
    let slow = Response::AcceptAfter(Duration::from_millis(2_500));
    let mut fixture = Fixture::start(vec![Response::Always(Box::new(slow))], &[]).await;
    let mut held = Vec::new();
    for _ in 0..16 {
        held.push(fixture.invoke().await);
    }
    for n in 1..=16 {
        fixture.xray.wait_for(&id(n)).await;
    }
    assert_eq!(fixture.xray.counts(ids(1..=16)), [1; 16]);
    let waited = held.iter().filter(|held| **held > Duration::from_secs(1));
    assert!(waited.count() <= 2, "{held:?}");
    let (mut xray, log) = fixture.shutdown().await;
    assert_eq!(xray.received().len(), 16);
    assert!(
        log.contains("X-Ray is slow, so no invocation waits for it"),
        "{log}"
    );
    assert!(!log.contains("not every document"), "{log}");
}

#[tokio::test]
async fn after_two_flushes_no_invocation_waits_for_a_silent_x_ray() {
    let silent = Response::Always(Box::new(Response::Hang));
    let timeout = [("XRAY_LAMBDA_FLUSH_TIMEOUT_MS", "400")];
    let mut fixture = Fixture::start(vec![silent], &timeout).await;
    let mut held = Vec::new();
    for _ in 0..8 {
        held.push(fixture.invoke().await);
    }
    let waited = held
        .iter()
        .filter(|held| **held > Duration::from_millis(300));
    assert!(waited.count() <= 2, "{held:?}");
    let sent = fixture.xray.counts(ids(1..=8));
    assert!(sent.iter().all(|sent| *sent <= 1), "{sent:?}");
    let (_, log) = fixture.shutdown().await;
    assert!(
        log.contains("8 documents received: 0 sent, 0 rejected, 8 dropped, 0 buffered"),
        "{log}"
    );
}

/// Runs eight invocations, each with a document that no X-Ray receives.
async fn invoke_without_x_ray(address: &str) {
    let mut lambda = Lambda::start(LambdaOptions::default()).await;
    let timeout = [("XRAY_LAMBDA_FLUSH_TIMEOUT_MS", "400")];
    let extension = Extension::start_with(&lambda, address, &timeout);
    lambda.ready().await;
    lambda.telemetry("[]").await;
    let mut held = Vec::new();
    for n in 0..8 {
        lambda.invoke(&format!("r-{n}"), FUNCTION_TIMEOUT).await;
        extension.send_document(&id(n));
        let ended = Instant::now();
        extension.send_done(&format!("r-{n}"));
        lambda.wait_for_next().await;
        held.push(ended.elapsed());
    }
    let waited = held
        .iter()
        .filter(|held| **held > Duration::from_millis(300));
    assert!(waited.count() <= 2, "{held:?}");
    lambda.shutdown("SPINDOWN");
    let (_, log) = extension.exited().await;
    assert!(
        log.contains("8 documents received: 0 sent, 0 rejected, 8 dropped, 0 buffered"),
        "{log}"
    );
}

#[tokio::test]
async fn after_two_flushes_no_invocation_waits_for_lost_packets() {
    let xray = LostXRay::start();
    invoke_without_x_ray(&xray.address).await;
}

#[tokio::test]
async fn after_two_flushes_no_invocation_waits_for_an_unknown_host() {
    // No name ends in `.invalid` (RFC 6761).
    invoke_without_x_ray("xray.invalid:2001").await;
}

#[tokio::test]
async fn thirty_throttled_invocations_take_at_most_four_requests() {
    let throttle = Response::Error(429, "ThrottledException");
    let mut fixture = Fixture::start(vec![Response::Always(Box::new(throttle))], &[]).await;
    let begun = Instant::now();
    for n in 0..30 {
        let request_id = format!("r-{n}");
        fixture.lambda.invoke(&request_id, FUNCTION_TIMEOUT).await;
        (0..20).for_each(|m| fixture.extension.send_document(&id(20 * n + m)));
        fixture.extension.send_done(&request_id);
        fixture.lambda.wait_for_next().await;
    }
    let seconds = begun.elapsed().as_secs() as usize;
    let requests = fixture.xray.request_sizes();
    assert!(requests.len() <= 4 + seconds, "{requests:?}");
    let (_, log) = fixture.shutdown().await;
    assert!(
        log.contains("X-Ray fails, so no invocation waits for it"),
        "{log}"
    );
    assert!(
        log.contains("600 documents received: 0 sent, 0 rejected, 600 dropped, 0 buffered"),
        "{log}"
    );
}

#[tokio::test]
async fn retry_after_is_obeyed() {
    let mut fixture = Fixture::start(vec![Response::Throttle("1")], &[]).await;
    fixture.invoke().await;
    let throttled = Instant::now();
    assert_eq!(fixture.xray.request_sizes().len(), 1);
    let held = fixture.invoke().await;
    assert!(held < Duration::from_millis(500), "{held:?}");
    fixture.xray.wait_for(&id(2)).await;
    assert!(throttled.elapsed() >= Duration::from_millis(900));
    assert_eq!(fixture.xray.counts(ids(1..=2)), [2, 1]);
    let (_, log) = fixture.shutdown().await;
    assert!(!log.contains("not every document"), "{log}");
}

#[tokio::test]
async fn one_invalid_document_does_not_lose_the_others() {
    for status in [400, 413] {
        let script = vec![Response::Invalid(status, vec![id(20)])];
        let mut fixture = Fixture::start(script, &[]).await;
        fixture.lambda.invoke("r-1", FUNCTION_TIMEOUT).await;
        (0..50).for_each(|n| fixture.extension.send_document(&id(n)));
        fixture.extension.send_done("r-1");
        fixture.lambda.wait_for_next().await;
        let requests = fixture.xray.request_sizes();
        // The documents before INVOKE was read are a batch of their own.
        assert!(requests.len() <= 2 + 12, "{requests:?}");
        let (_, log) = fixture.shutdown().await;
        assert!(
            log.contains("50 documents received: 49 sent, 1 rejected, 0 dropped, 0 buffered"),
            "{log}"
        );
    }
}

#[tokio::test]
async fn a_batch_that_is_too_large_is_split() {
    let mut fixture = Fixture::start(vec![Response::AtMost(413, 10)], &[]).await;
    fixture.lambda.invoke("r-1", FUNCTION_TIMEOUT).await;
    (0..40).for_each(|n| fixture.extension.send_document(&id(n)));
    fixture.extension.send_done("r-1");
    fixture.lambda.wait_for_next().await;
    assert_eq!(fixture.shutdown().await.1, "");
}

#[tokio::test]
async fn fifty_invalid_documents_take_few_requests() {
    let invalid = Response::Always(Box::new(Response::Error(400, "InvalidRequestException")));
    let mut fixture = Fixture::start(vec![invalid], &[]).await;
    fixture.lambda.invoke("r-1", FUNCTION_TIMEOUT).await;
    (0..50).for_each(|n| fixture.extension.send_document(&id(n)));
    fixture.extension.send_done("r-1");
    fixture.lambda.wait_for_next().await;
    let requests = fixture.xray.request_sizes();
    // INVOKE sends the documents that are read before it, the end sends the others.
    assert!(requests.len() <= 2 * (1 + 16), "{requests:?}");
    let (_, log) = fixture.shutdown().await;
    assert!(log.contains("50 documents received: 0 sent, "), "{log}");
    assert!(log.contains(" 0 buffered"), "{log}");
}

#[tokio::test]
async fn a_missing_log_group_keeps_documents_and_is_logged_once() {
    let missing = Response::ErrorMessage(
        400,
        "InvalidRequestException",
        "The specified log group does not exist. (Service: AWSLogs; Status Code: 400)",
    );
    let mut fixture = Fixture::start(vec![missing.clone(), missing], &[]).await;
    for _ in 0..3 {
        fixture.invoke().await;
    }
    for n in 1..=3 {
        fixture.xray.wait_for(&id(n)).await;
    }
    let (_, log) = fixture.shutdown().await;
    let said = log.matches("not sent yet, kept for the next flush: X-Ray responded with 400 InvalidRequestException: Transaction Search is on");
    assert_eq!(said.count(), 1, "{log}");
    assert!(!log.contains("not every document"), "{log}");
}

#[tokio::test]
async fn a_complete_document_arrives_after_its_in_progress_version() {
    let slow = Response::AcceptAfter(Duration::from_millis(600));
    let mut fixture = Fixture::start(vec![slow], &[]).await;
    fixture.extension.send_in_progress(&id(1));
    tokio::time::sleep(Duration::from_millis(100)).await;
    // INVOKE sends what is buffered.
    fixture.lambda.invoke("r-1", FUNCTION_TIMEOUT).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    fixture.extension.send_document(&id(1));
    fixture.extension.send_done("r-1");
    fixture.lambda.wait_for_next().await;
    let (mut xray, log) = fixture.shutdown().await;
    let received = xray.received();
    let last = received.last().unwrap();
    assert!(last.get("in_progress").is_none(), "{received:?}");
    assert_eq!(log, "");
}

#[tokio::test]
async fn an_answer_without_an_end_takes_little_memory() {
    let mut fixture = Fixture::start(vec![Response::Endless; 3], &[]).await;
    for _ in 0..3 {
        fixture.invoke().await;
    }
    let kilobytes = fixture.extension.resident_kilobytes();
    assert!(kilobytes < 40_000, "{kilobytes} kB");
    fixture.xray.wait_for(&id(3)).await;
    let (_, log) = fixture.shutdown().await;
    assert!(!log.contains("not every document"), "{log}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let mut other = XRay::start([]).await;
    let redirect = Response::Redirect(format!("http://{}/TraceSegments", other.address));
    let mut fixture = Fixture::start(vec![redirect], &[]).await;
    fixture.invoke().await;
    fixture.invoke().await;
    assert!(
        other.received().is_empty(),
        "documents and token go to the endpoint only"
    );
    let (_, log) = fixture.shutdown().await;
    assert!(log.contains("X-Ray responded with 302"), "{log}");
}

#[tokio::test]
async fn an_invalid_batch_is_rejected_and_the_next_batch_is_sent() {
    let mut fixture =
        Fixture::start(vec![Response::Error(400, "InvalidRequestException")], &[]).await;
    fixture.invoke().await;
    fixture.invoke().await;
    let (mut xray, log) = fixture.shutdown().await;
    assert_eq!(xray.received().len(), 2);
    assert!(
        log.contains("rejected documents: X-Ray responded with 400 InvalidRequestException"),
        "{log}"
    );
    assert!(
        log.contains("2 documents received: 1 sent, 1 rejected"),
        "{log}"
    );
}

#[tokio::test]
async fn no_document_is_lost_while_x_ray_is_unreachable() {
    let mut lambda = Lambda::start(LambdaOptions::default()).await;
    let unreachable = UnreachableXRay::new();
    let extension = Extension::start(&lambda, &unreachable.address);
    lambda.ready().await;
    lambda.telemetry("[]").await;
    for n in 0..30 {
        lambda.invoke(&format!("r-{n}"), FUNCTION_TIMEOUT).await;
        (0..10).for_each(|m| extension.send_document(&id(n * 10 + m)));
        let ended = Instant::now();
        extension.send_done(&format!("r-{n}"));
        lambda.wait_for_next().await;
        assert!(
            ended.elapsed() < Duration::from_secs(1),
            "{:?}",
            ended.elapsed()
        );
    }
    let mut xray = unreachable.listen([]);
    lambda.invoke("reachable", FUNCTION_TIMEOUT).await;
    extension.send_done("reachable");
    lambda.wait_for_next().await;
    for n in 0..300 {
        xray.wait_for(&id(n)).await;
    }
    lambda.shutdown("SPINDOWN");
    let (_, log) = extension.exited().await;
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines.len(), 3, "each once: {log}");
    assert!(lines[0].contains("not sent yet"), "{log}");
    assert!(
        lines[1].contains("X-Ray fails, so no invocation waits"),
        "{log}"
    );
    assert!(lines[2].contains("X-Ray responds in time again"), "{log}");
    assert_eq!(xray.received().len(), 300);
}

#[tokio::test]
async fn a_full_buffer_drops_and_counts_the_oldest_documents() {
    let mut lambda = Lambda::start(LambdaOptions::default()).await;
    let unreachable = UnreachableXRay::new();
    let extension = Extension::start_with(
        &lambda,
        &unreachable.address,
        &[("XRAY_LAMBDA_BUFFER_BYTES", "50000")],
    );
    lambda.ready().await;
    // These wait for a second, so none is in flight.
    (0..10).for_each(|n| extension.send_large_document(&id(n), 9_000));
    let mut xray = unreachable.listen([]);
    lambda.shutdown("SPINDOWN");
    let (_, log) = extension.exited().await;
    let ids: Vec<_> = xray
        .received()
        .iter()
        .map(|document| document["id"].clone())
        .collect();
    assert_eq!(ids, (5..10).map(id).collect::<Vec<_>>());
    assert!(
        log.contains("10 documents received: 5 sent, 0 rejected, 5 dropped, 0 buffered"),
        "{log}"
    );
    assert!(log.contains("XRAY_LAMBDA_BUFFER_BYTES"), "{log}");
}

#[tokio::test]
async fn without_credentials_the_function_works_and_the_reason_is_logged() {
    let mut fixture = Fixture::start(vec![], &[("AWS_ACCESS_KEY_ID", "")]).await;
    assert!(fixture.invoke().await < Duration::from_secs(1));
    let (mut xray, log) = fixture.shutdown().await;
    assert!(log.contains("AWS_ACCESS_KEY_ID"), "{log}");
    assert!(xray.received().is_empty());
}
