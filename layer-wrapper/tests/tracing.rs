//! `tracing` spans as subsegments.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod support;

use support::{Receiver, invoke, metadata, sampled};
use tracing::{Instrument as _, info_span, instrument};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use xray_document::Cause;
use xray_lambda::{current, subsegment, tracing_layer};

#[instrument(fields(annotation.order_id = id, items = 3))]
async fn price(id: u32) {
    subsegment("within price").run(|| ());
    round().await;
    current().annotate("tier", "gold");
}

#[instrument]
async fn round() {
    tokio::task::yield_now().await;
}

#[instrument(err)]
async fn refuse() -> Result<(), std::fmt::Error> {
    Err(std::fmt::Error)
}

#[tokio::test]
async fn spans_and_subsegments_nest_within_each_other() {
    let subscriber = tracing_subscriber::registry().with(tracing_layer());
    let _guard = tracing::subscriber::set_default(subscriber);
    let receiver = Receiver::start();
    invoke(&receiver.layer(), Some(&sampled()), async |_| {
        subsegment("around").trace(price(7)).await;
        refuse().await.unwrap_err();
        Ok(())
    })
    .await
    .unwrap();

    let trace = receiver.invocation();
    assert_eq!(trace.parent("price"), "around");
    assert_eq!(trace.parent("within price"), "price");
    assert_eq!(trace.parent("round"), "price");
    let price = trace.get("price");
    assert_eq!(price.annotations["order_id"], 7.into());
    assert_eq!(price.annotations["tier"], "gold".into());
    assert_eq!(metadata(price, "default", "items"), 3);
    let refuse = trace.get("refuse");
    assert!(refuse.fault && matches!(refuse.cause, Some(Cause::Exceptions(_))));
    assert!(!trace.get("## orders").fault);
}

#[tokio::test]
async fn the_log_level_does_not_affect_subsegments() {
    /// Stands for a layer that writes logs.
    struct Logs;
    impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Logs {}

    let subscriber = tracing_subscriber::registry()
        .with(Logs.with_filter(LevelFilter::OFF))
        .with(tracing_layer());
    let _guard = tracing::subscriber::set_default(subscriber);
    let receiver = Receiver::start();
    invoke(&receiver.layer(), Some(&sampled()), async |_| {
        price(1).await;
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(receiver.invocation().parent("price"), "## orders");
}

#[tokio::test]
async fn spans_of_libraries_and_debug_spans_are_not_recorded() {
    let subscriber = tracing_subscriber::registry().with(tracing_layer());
    let _guard = tracing::subscriber::set_default(subscriber);
    let receiver = Receiver::start();
    invoke(&receiver.layer(), Some(&sampled()), async |_| {
        let library = info_span!(target: "hyper::client", "pool");
        let detail = tracing::debug_span!("detail");
        price(1).instrument(detail).instrument(library).await;
        Ok(())
    })
    .await
    .unwrap();
    let trace = receiver.invocation();
    assert_eq!(trace.parent("price"), "## orders");
    assert_eq!(trace.len(), 4);
}

#[tokio::test]
async fn an_explicit_parent_wins_over_the_current_one() {
    let subscriber = tracing_subscriber::registry().with(tracing_layer());
    let _guard = tracing::subscriber::set_default(subscriber);
    let receiver = Receiver::start();
    invoke(&receiver.layer(), Some(&sampled()), async |_| {
        let outer = info_span!("outer");
        subsegment("beside").run(|| {
            let child = info_span!(parent: &outer, "child");
            child.in_scope(|| subsegment("grandchild").run(|| ()));
        });
        Ok(())
    })
    .await
    .unwrap();
    let trace = receiver.invocation();
    assert_eq!(trace.parent("child"), "outer");
    assert_eq!(trace.parent("grandchild"), "child");
    assert_eq!(trace.parent("beside"), "## orders");
}

#[tokio::test]
async fn a_span_left_entered_across_an_await_does_not_affect_another_invocation() {
    let subscriber = tracing_subscriber::registry().with(tracing_layer());
    let _guard = tracing::subscriber::set_default(subscriber);
    let receivers = [Receiver::start(), Receiver::start()];
    let careless = invoke(&receivers[0].layer(), Some(&sampled()), async |_| {
        let span = info_span!("careless");
        let _entered = span.enter();
        tokio::task::yield_now().await;
        Ok(())
    });
    let careful = invoke(&receivers[1].layer(), Some(&sampled()), async |_| {
        price(1).await;
        Ok(())
    });
    let (a, b) = futures_util::join!(careless, careful);
    a.unwrap();
    b.unwrap();
    assert_eq!(receivers[1].invocation().parent("price"), "## orders");
    // `tracing` keeps the span open until its child has ended.
    assert_eq!(
        receivers[0].invocation_and_late().parent("careless"),
        "## orders"
    );
}

#[tokio::test]
async fn an_error_event_of_a_library_does_not_make_the_users_span_a_fault() {
    let subscriber = tracing_subscriber::registry().with(tracing_layer());
    let _guard = tracing::subscriber::set_default(subscriber);
    let receiver = Receiver::start();
    invoke(&receiver.layer(), Some(&sampled()), async |_| {
        info_span!("load").in_scope(|| {
            tracing::error!(target: "hyper_util::client", error = "connection reset");
            tracing::error!(target: "aws_smithy_runtime::retries", error = "timed out");
        });
        info_span!("save").in_scope(|| tracing::error!(error = "no such order"));
        Ok(())
    })
    .await
    .unwrap();
    let trace = receiver.invocation();
    let load = trace.get("load");
    assert!(!load.fault && load.cause.is_none());
    assert!(trace.get("save").fault);
}

#[tokio::test]
async fn a_span_without_a_parent_is_a_child_of_the_handlers_subsegment() {
    let subscriber = tracing_subscriber::registry().with(tracing_layer());
    let _guard = tracing::subscriber::set_default(subscriber);
    let receiver = Receiver::start();
    invoke(&receiver.layer(), Some(&sampled()), async |_| {
        subsegment("around").run(|| {
            info_span!(parent: None, "root").in_scope(|| subsegment("within").run(|| ()));
        });
        Ok(())
    })
    .await
    .unwrap();
    let trace = receiver.invocation();
    assert_eq!(trace.parent("root"), "## orders");
    assert_eq!(trace.parent("within"), "root");
}

#[tokio::test]
async fn a_field_whose_debug_fails_keeps_what_it_wrote_before() {
    struct Broken;
    impl std::fmt::Debug for Broken {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("half a")?;
            Err(std::fmt::Error)
        }
    }

    let subscriber = tracing_subscriber::registry().with(tracing_layer());
    let _guard = tracing::subscriber::set_default(subscriber);
    let receiver = Receiver::start();
    invoke(&receiver.layer(), Some(&sampled()), async |_| {
        info_span!("span", item = ?Broken).in_scope(|| tracing::error!(error = ?Broken));
        Ok(())
    })
    .await
    .unwrap();
    let trace = receiver.invocation();
    let span = trace.get("span");
    assert_eq!(metadata(span, "default", "item"), "half a");
    let Some(Cause::Exceptions(cause)) = &span.cause else {
        panic!("{:?}", span.cause)
    };
    assert_eq!(cause.exceptions[0].message.as_deref(), Some("half a"));
}
