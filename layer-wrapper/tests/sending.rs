//! Sending: within X-Ray's limits, in few documents, in time.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod support;

use std::time::Duration;

use support::{Receiver, invoke, metadata, sampled};
use tower::{Layer as _, ServiceExt as _};
use xray_lambda::{current, subsegment};

#[tokio::test]
async fn a_document_over_64_kb_loses_its_largest_metadata_first_and_is_marked() {
    let receiver = Receiver::start();
    invoke(&receiver.layer(), Some(&sampled()), async |_| {
        subsegment("big")
            .annotate("kept", true)
            .metadata("small", "kept")
            .metadata("large", &"x".repeat(70_000))
            .metadata_in("lab", "medium", &"y".repeat(30_000))
            .run(|| ());
        Ok(())
    })
    .await
    .unwrap();
    let trace = receiver.invocation();
    let big = trace.get("big");
    assert_eq!(metadata(big, "default", "small"), "kept");
    assert_eq!(metadata(big, "default", "large"), serde_json::Value::Null);
    assert_eq!(
        metadata(big, "lab", "medium").as_str().unwrap().len(),
        30_000
    );
    assert_eq!(metadata(big, "xray_lambda", "truncated"), true);
    assert_eq!(big.annotations["kept"], true.into());
    assert!(xray_lambda::stats().truncated >= 1);
}

#[tokio::test]
async fn a_child_that_does_not_fit_into_its_parent_is_sent_alone() {
    // The documents fit into the socket's buffer together, so none is lost.
    let receiver = Receiver::start();
    invoke(&receiver.layer(), Some(&sampled()), async |_| {
        subsegment("all").run(|| {
            for _ in 0..20 {
                subsegment("part")
                    .metadata("text", &"x".repeat(5_000))
                    .run(|| ());
            }
        });
        Ok(())
    })
    .await
    .unwrap();
    let trace = receiver.invocation();
    assert_eq!(trace.len(), 22);
    assert!(trace.documents > 3);
    let all = trace.get("all").id;
    let parts: Vec<_> = trace
        .all()
        .filter(|subsegment| subsegment.name == "part")
        .collect();
    assert!(parts.iter().all(|part| trace.parent_of(part.id) == all));
}

#[tokio::test]
async fn many_small_subsegments_become_a_handful_of_documents() {
    for count in [600, 2_000] {
        let receiver = Receiver::start();
        invoke(&receiver.layer(), Some(&sampled()), async |_| {
            // All end while the handler's subsegment is open.
            (0..count).for_each(|_| subsegment("part").run(|| ()));
            Ok(())
        })
        .await
        .unwrap();
        let trace = receiver.invocation();
        let parts = || trace.all().filter(|subsegment| subsegment.name == "part");
        assert_eq!(parts().count(), count);
        // One of them is the handler's subsegment, in progress.
        assert!(trace.documents <= 2 + count / 400, "{}", trace.documents);
        let handler = trace.get("## orders").id;
        for part in parts() {
            let parent = trace.parent_of(part.id);
            assert!(parent == handler || trace.parent_of(parent) == handler);
        }
    }
}

#[tokio::test]
async fn a_very_deep_tree_is_readable_json() {
    fn descend(depth: usize) {
        if depth > 0 {
            subsegment("level").run(|| descend(depth - 1));
        }
    }
    let receiver = Receiver::start();
    invoke(&receiver.layer(), Some(&sampled()), async |_| {
        descend(200);
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(receiver.invocation().len(), 201);
}

#[tokio::test]
async fn ended_subsegments_are_sent_before_a_long_invocation_ends() {
    let receiver = Receiver::start();
    invoke(&receiver.layer(), Some(&sampled()), async |_| {
        assert!(receiver.document().unwrap().is_in_progress());
        subsegment("early").run(|| ());
        // A second after the last send, the next subsegment that ends sends the buffer.
        subsegment("slow").run(|| std::thread::sleep(Duration::from_millis(1_050)));
        let names = [
            receiver.document().unwrap().name,
            receiver.document().unwrap().name,
        ];
        assert!(names.contains(&"early".to_owned()) && names.contains(&"slow".to_owned()));
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(receiver.invocation().names(), ["## orders"]);
}

#[tokio::test]
async fn ended_subsegments_wait_until_another_one_ends() {
    let receiver = Receiver::start();
    invoke(&receiver.layer(), Some(&sampled()), async |_| {
        assert!(receiver.document().unwrap().is_in_progress());
        subsegment("early").run(|| ());
        let hanging = subsegment("hanging").start();
        // A timeout now would lose both, as documented in the crate's "Limits".
        tokio::time::sleep(Duration::from_millis(1_050)).await;
        assert!(!receiver.has_datagram());
        hanging.close();
        let names = [
            receiver.document().unwrap().name,
            receiver.document().unwrap().name,
        ];
        assert!(names.contains(&"early".to_owned()) && names.contains(&"hanging".to_owned()));
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(receiver.invocation().names(), ["## orders"]);
}

#[tokio::test]
async fn names_and_keys_that_x_ray_would_reject_are_made_valid() {
    let receiver = Receiver::start();
    invoke(&receiver.layer(), Some(&sampled()), async |_| {
        subsegment("what? (really)").run(|| {
            current()
                .annotate("order id", 7)
                .annotate("text", "é".repeat(2_000))
                .annotate("nan", f64::NAN);
        });
        Ok(())
    })
    .await
    .unwrap();
    let trace = receiver.invocation();
    let odd = trace.get("what_ _really_");
    assert_eq!(odd.annotations["order_id"], 7.into());
    assert_eq!(odd.annotations["text"].to_string().chars().count(), 1_000);
    assert_eq!(odd.annotations["nan"], "NaN".into());
}

#[tokio::test]
async fn near_the_deadline_an_ended_subsegment_is_sent_at_once() {
    let receiver = Receiver::start();
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let mut event = support::event(Some(&sampled()), "8b2c");
    event.context.deadline = u64::try_from(now.as_millis()).unwrap() + 40;
    let handler = tower::service_fn(async |_| {
        assert!(receiver.document().unwrap().is_in_progress());
        subsegment("slow").run(|| std::thread::sleep(Duration::from_millis(45)));
        assert_eq!(receiver.document().unwrap().name, "slow");
        Ok::<_, support::Error>(())
    });
    receiver
        .layer()
        .layer(handler)
        .oneshot(event)
        .await
        .unwrap();
    assert_eq!(receiver.invocation().names(), ["## orders"]);
}
