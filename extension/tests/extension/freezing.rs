use std::time::Duration;

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
        lambda.invoke(&format!("r-{n}"), TIMEOUT);
        extension.document(&id(2 * n));
        extension.signal("-CONT");
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
