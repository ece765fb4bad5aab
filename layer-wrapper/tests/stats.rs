//! The counters, which are the process's: this test has one of its own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails here")]

mod support;

use support::{Receiver, invoke, sampled};
use xray_lambda::{stats, subsegment};

#[tokio::test]
async fn where_nobody_listens_no_invocation_fails_and_every_document_is_counted() {
    let gone = Receiver::start();
    let layer = gone.layer();
    drop(gone);
    let before = stats();
    assert_eq!(before.sent + before.dropped, 0);
    for _ in 0..3 {
        let done = invoke(&layer, Some(&sampled()), async |_| {
            Ok(subsegment("a").run(|| 1))
        });
        assert_eq!(done.await.unwrap(), 1);
    }
    subsegment("outside").run(|| ());
    let after = stats();
    // One in progress and one at the end, of each; the signals do not count.
    assert_eq!(after.sent + after.dropped, 6, "{after:?}");
    assert_eq!((after.orphans, after.late, after.truncated), (1, 0, 0));
}
