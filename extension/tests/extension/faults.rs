//! X-Ray that is slow, silent, broken or away.

use std::time::{Duration, Instant};

use crate::lambda::{Lambda, Manners};
use crate::sandbox::{Extension, id};
use crate::xray::{Away, Reply, XRay};

const TIMEOUT: Duration = Duration::from_secs(30);

struct Scene {
    lambda: Lambda,
    xray: XRay,
    extension: Extension,
    invocations: u64,
}

impl Scene {
    async fn start(script: Vec<Reply>, variables: &[(&str, &str)]) -> Self {
        let mut lambda = Lambda::start(Manners::default()).await;
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

    /// One invocation with a document of that number; returns how long `/next` was held
    /// after its end.
    async fn invoke(&mut self) -> Duration {
        self.invocations += 1;
        let request_id = format!("r-{}", self.invocations);
        self.lambda.invoke(&request_id, TIMEOUT).await;
        self.extension.document(&id(self.invocations));
        let ended = Instant::now();
        self.extension.done(&request_id);
        self.lambda.next().await;
        ended.elapsed()
    }

    async fn shutdown(self) -> (XRay, String) {
        self.lambda.shutdown("SPINDOWN");
        let (status, said) = self.extension.ended().await;
        assert!(status.success(), "{said}");
        (self.xray, said)
    }
}

#[tokio::test]
async fn what_fails_for_now_is_kept_and_sent_with_the_next_invocation() {
    for reply in [
        Reply::Refuse(429, "ThrottledException"),
        Reply::Refuse(500, ""),
        Reply::Refuse(403, "ExpiredTokenException"),
        Reply::CloseInside,
        Reply::Close,
        Reply::Page,
    ] {
        let mut scene = Scene::start(vec![reply.clone()], &[]).await;
        scene.invoke().await;
        assert_eq!(scene.xray.so_far().len(), 1);
        scene.invoke().await;
        let ids: Vec<String> = scene
            .xray
            .so_far()
            .iter()
            .map(|document| document["id"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(
            ids.iter().filter(|sent| **sent == id(1)).count(),
            2,
            "{reply:?}: {ids:?}"
        );
        assert!(ids.contains(&id(2)), "{reply:?}: {ids:?}");
        let (_, said) = scene.shutdown().await;
        assert_eq!(
            said.matches("kept for the next flush").count(),
            1,
            "{reply:?}: {said}"
        );
        assert!(
            !said.contains("documents received"),
            "nothing was lost: {said}"
        );
    }
}

#[tokio::test]
async fn a_silent_x_ray_holds_the_function_no_longer_than_the_flush_timeout() {
    let mut scene = Scene::start(
        vec![Reply::Hang, Reply::Hang],
        &[("XRAY_LAMBDA_FLUSH_TIMEOUT_MS", "300")],
    )
    .await;
    let held = scene.invoke().await;
    assert!(
        held >= Duration::from_millis(250) && held < Duration::from_millis(1_500),
        "{held:?}"
    );
    let (mut xray, said) = scene.shutdown().await;
    assert!(
        said.contains("kept for the next flush: no response from X-Ray within 300ms"),
        "{said}"
    );
    let sent = xray
        .so_far()
        .iter()
        .filter(|document| document["id"] == *id(1))
        .count();
    assert!(sent > 1, "sent again at SHUTDOWN");
}

#[tokio::test]
async fn a_silent_x_ray_holds_the_function_no_longer_than_its_deadline_allows() {
    let mut scene = Scene::start(
        vec![Reply::Hang],
        &[("XRAY_LAMBDA_FLUSH_TIMEOUT_MS", "30000")],
    )
    .await;
    let begun = Instant::now();
    scene.lambda.invoke("r-1", Duration::from_millis(800)).await;
    scene.extension.document(&id(1));
    scene.extension.done("r-1");
    scene.lambda.next().await;
    assert!(
        begun.elapsed() < Duration::from_millis(1_500),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn a_silent_x_ray_does_not_keep_the_process_beyond_shutdown() {
    let mut scene = Scene::start((0..50).map(|_| Reply::Hang).collect(), &[]).await;
    scene.lambda.invoke("r-1", TIMEOUT).await;
    scene.extension.document(&id(1));
    let begun = Instant::now();
    scene.lambda.runtime_done("r-0").await;
    scene.extension.done("r-1");
    scene.lambda.next().await;
    let held = begun.elapsed();
    assert!(held < Duration::from_millis(2_600), "{held:?}");
    let begun = Instant::now();
    let (_, said) = scene.shutdown().await;
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "{:?}",
        begun.elapsed()
    );
    assert!(
        said.contains("1 documents received: 0 sent, 0 rejected, 1 dropped, 0 buffered"),
        "{said}"
    );
    assert!(said.contains("no response from X-Ray within"), "{said}");
}

#[tokio::test]
async fn a_flush_timeout_of_nothing_or_next_to_it_does_not_keep_documents_from_leaving() {
    for milliseconds in ["0", "30"] {
        let slow = Reply::TakeAfter(Duration::from_millis(200));
        let mut scene = Scene::start(
            vec![slow],
            &[("XRAY_LAMBDA_FLUSH_TIMEOUT_MS", milliseconds)],
        )
        .await;
        scene.lambda.invoke("r-1", TIMEOUT).await;
        scene.extension.document(&id(1));
        // Beside the handler, which goes on.
        scene.xray.has(&id(1)).await;
        assert!(!scene.lambda.has_been_called(), "{milliseconds}");
        scene.extension.done("r-1");
        scene.lambda.next().await;
        assert_eq!(scene.shutdown().await.1, "", "{milliseconds}");
    }
}

#[tokio::test]
async fn a_complete_document_that_comes_in_time_spares_x_ray_its_in_progress_version() {
    let mut scene = Scene::start(vec![], &[]).await;
    scene.lambda.invoke("r-1", TIMEOUT).await;
    scene.extension.in_progress(&id(1));
    scene.extension.document(&id(1));
    scene.extension.done("r-1");
    scene.lambda.next().await;
    let (mut xray, said) = scene.shutdown().await;
    let documents = xray.so_far();
    assert_eq!(documents.len(), 1, "{documents:?}");
    assert!(documents[0].get("in_progress").is_none());
    assert_eq!(said, "", "nothing was lost");
}

#[tokio::test]
async fn a_kept_connection_that_died_is_replaced_within_the_same_flush() {
    let mut scene = Scene::start(vec![Reply::Take, Reply::Close, Reply::Take], &[]).await;
    scene.invoke().await;
    scene.invoke().await;
    let ids: Vec<_> = scene
        .xray
        .so_far()
        .iter()
        .map(|document| document["id"].clone())
        .collect();
    assert_eq!(ids, [id(1), id(2), id(2)]);
    assert_eq!(scene.shutdown().await.1, "");
}

#[tokio::test]
async fn a_kept_connection_that_is_silent_is_overtaken_by_a_new_one() {
    let mut scene = Scene::start(vec![Reply::Take, Reply::Hang, Reply::Take], &[]).await;
    scene.invoke().await;
    let held = scene.invoke().await;
    assert!(held < Duration::from_millis(1_800), "{held:?}");
    assert_eq!(scene.shutdown().await.1, "");
}

#[tokio::test]
async fn of_unprocessed_documents_the_throttled_are_sent_again_and_the_invalid_rejected() {
    let mut scene = Scene::start(
        vec![
            Reply::Unprocessed("ThrottledException", vec![id(1)]),
            Reply::Unprocessed("InvalidTraceId", vec![id(2)]),
        ],
        &[],
    )
    .await;
    scene.invoke().await;
    scene.invoke().await;
    scene.invoke().await;
    let (mut xray, said) = scene.shutdown().await;
    let documents = xray.so_far();
    let count = |n| {
        documents
            .iter()
            .filter(|document| document["id"] == *id(n))
            .count()
    };
    assert_eq!((count(1), count(2), count(3)), (2, 1, 1));
    assert!(said.contains("InvalidTraceId"), "{said}");
    assert!(
        said.contains("3 documents received: 2 sent, 1 rejected, 0 dropped, 0 buffered"),
        "{said}"
    );
}

#[tokio::test]
async fn a_batch_that_x_ray_calls_invalid_is_rejected_and_the_next_one_works() {
    let mut scene = Scene::start(vec![Reply::Refuse(400, "InvalidRequestException")], &[]).await;
    scene.invoke().await;
    scene.invoke().await;
    let (mut xray, said) = scene.shutdown().await;
    assert_eq!(xray.so_far().len(), 2);
    assert!(
        said.contains("rejected documents: X-Ray responded with 400 InvalidRequestException"),
        "{said}"
    );
    assert!(
        said.contains("2 documents received: 1 sent, 1 rejected"),
        "{said}"
    );
}

#[tokio::test]
async fn nothing_that_fits_is_lost_while_x_ray_is_away() {
    let mut lambda = Lambda::start(Manners::default()).await;
    let away = Away::new();
    let extension = Extension::start(&lambda, &away.address);
    lambda.ready().await;
    lambda.telemetry("[]").await;
    for n in 0..30 {
        lambda.invoke(&format!("r-{n}"), TIMEOUT).await;
        (0..10).for_each(|m| extension.document(&id(n * 10 + m)));
        let ended = Instant::now();
        extension.done(&format!("r-{n}"));
        lambda.next().await;
        assert!(
            ended.elapsed() < Duration::from_secs(1),
            "{:?}",
            ended.elapsed()
        );
    }
    let mut xray = away.back([]);
    lambda.invoke("back", TIMEOUT).await;
    extension.done("back");
    lambda.next().await;
    for n in 0..300 {
        xray.has(&id(n)).await;
    }
    lambda.shutdown("SPINDOWN");
    let (_, said) = extension.ended().await;
    assert_eq!(said.lines().count(), 1, "said once: {said}");
    assert_eq!(xray.so_far().len(), 300);
}

#[tokio::test]
async fn what_does_not_fit_the_buffer_is_dropped_oldest_first_and_counted() {
    let mut lambda = Lambda::start(Manners::default()).await;
    let away = Away::new();
    let extension = Extension::start_with(
        &lambda,
        &away.address,
        &[("XRAY_LAMBDA_BUFFER_BYTES", "50000")],
    );
    lambda.ready().await;
    // Within the second in which documents wait for company: none is on the wire.
    (0..10).for_each(|n| extension.document_of(&id(n), 9_000));
    let mut back = away.back([]);
    lambda.shutdown("SPINDOWN");
    let (_, said) = extension.ended().await;
    let ids: Vec<_> = back
        .so_far()
        .iter()
        .map(|document| document["id"].clone())
        .collect();
    assert_eq!(ids, (5..10).map(id).collect::<Vec<_>>());
    assert!(
        said.contains("10 documents received: 5 sent, 0 rejected, 5 dropped, 0 buffered"),
        "{said}"
    );
    assert!(said.contains("XRAY_LAMBDA_BUFFER_BYTES"), "{said}");
}

#[tokio::test]
async fn without_credentials_the_function_works_and_the_reason_is_said() {
    let mut scene = Scene::start(vec![], &[("AWS_ACCESS_KEY_ID", "")]).await;
    assert!(scene.invoke().await < Duration::from_secs(1));
    let (mut xray, said) = scene.shutdown().await;
    assert!(said.contains("AWS_ACCESS_KEY_ID"), "{said}");
    assert!(xray.so_far().is_empty());
}
