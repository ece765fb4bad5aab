use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::lambda::{Lambda, Manners};
use crate::sandbox::{Extension, id};
use crate::xray::{Reply, XRay};

const TIMEOUT: Duration = Duration::from_secs(30);

#[tokio::test]
async fn nothing_is_lost_when_connections_die_in_a_freeze() {
    let mut lambda = Lambda::start(Manners::default()).await;
    // Some die seen by the kernel, some only when they are used.
    let script = (0..50).flat_map(|_| [Reply::Take, Reply::Close, Reply::Take]);
    let mut xray = XRay::start(script).await;
    let extension = Extension::start(&lambda, &xray.address);
    lambda.ready().await;
    lambda.telemetry("[]").await;
    for n in 0..100 {
        extension.signal("-STOP");
        if n % 3 == 0 {
            xray.close_connections();
        }
        if n % 2 == 0 {
            // The event, a document and the end are all there when it wakes up.
            lambda.invoke(&format!("r-{n}"), TIMEOUT).await;
            extension.document(&id(2 * n));
            extension.signal("-CONT");
        } else {
            extension.signal("-CONT");
            lambda.invoke(&format!("r-{n}"), TIMEOUT).await;
            extension.document(&id(2 * n));
        }
        extension.document(&id(2 * n + 1));
        extension.done(&format!("r-{n}"));
        lambda.next().await;
        assert!(
            xray.so_far().len() >= 2 * (n as usize + 1),
            "sent before /next"
        );
    }
    lambda.shutdown("SPINDOWN");
    let (status, said) = extension.ended().await;
    assert!(status.success());
    assert_eq!(said, "");
    for n in 0..200 {
        xray.has(&id(n)).await;
    }
}

#[tokio::test]
async fn what_was_being_sent_when_the_sandbox_froze_does_not_hold_the_next_invocation() {
    let mut lambda = Lambda::start(Manners::default()).await;
    let mut xray = XRay::start([Reply::Hang]).await;
    let extension = Extension::start(&lambda, &xray.address);
    lambda.ready().await;
    lambda.telemetry("[]").await;
    // Nobody is told of this one: it goes by the clock, while Lambda may freeze.
    extension.document(&id(1));
    xray.has(&id(1)).await;
    extension.signal("-STOP");
    sleep(Duration::from_millis(1_100)).await;
    extension.signal("-CONT");
    lambda.invoke("r-1", TIMEOUT).await;
    extension.document(&id(2));
    let ended = Instant::now();
    extension.done("r-1");
    lambda.next().await;
    assert!(
        ended.elapsed() < Duration::from_millis(800),
        "{:?}",
        ended.elapsed()
    );
    let documents = xray.so_far();
    let sent = |n| {
        documents
            .iter()
            .filter(|document| document["id"] == *id(n))
            .count()
    };
    assert_eq!((sent(1), sent(2)), (2, 1));
    lambda.shutdown("SPINDOWN");
    assert_eq!(extension.ended().await.1, "");
}
