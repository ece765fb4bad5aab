//! The counters of the process. This file has one test, because tests of one file share a
//! process.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod support;

use support::{Receiver, invoke, sampled};
use xray_lambda::{stats, subsegment};

#[tokio::test]
async fn without_a_receiver_no_invocation_fails_and_each_document_is_counted() {
    let receiver = Receiver::start();
    let layer = receiver.layer();
    drop(receiver);
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
    // Each invocation sends its subsegment twice, in progress and complete. Signals do not
    // count.
    assert_eq!(after.sent + after.dropped, 6, "{after:?}");
    assert_eq!((after.orphans, after.late, after.truncated), (1, 0, 0));
}
