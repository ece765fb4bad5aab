//! The layer around a handler.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod support;

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use support::{Error, PARENT, ROOT, Receiver, event, invoke, metadata, sampled};
use tower::{Layer, Service, ServiceExt as _};
use xray_document::{AnnotationValue, Cause, Datagram};
use xray_lambda::{current, subsegment};

fn exceptions(cause: Option<&Cause>) -> &[xray_document::Exception] {
    match cause {
        Some(Cause::Exceptions(cause)) => &cause.exceptions,
        other => panic!("no exceptions: {other:?}"),
    }
}

#[tokio::test]
async fn an_invocation_is_a_subsegment_of_lambdas_segment() {
    let receiver = Receiver::start();
    invoke(&receiver.layer(), Some(&sampled()), async |_| {
        current()
            .annotate("tier", "gold")
            .metadata("request", &[1, 2]);
        Ok(())
    })
    .await
    .unwrap();

    let trace = receiver.invocation();
    let handler = trace.get("## orders");
    assert_eq!(trace.parent_id("## orders").to_string(), PARENT);
    assert_eq!(handler.annotations["Service"], "checkout".into());
    assert!(matches!(
        handler.annotations["ColdStart"],
        AnnotationValue::Boolean(_)
    ));
    assert_eq!(handler.annotations["tier"], "gold".into());
    assert_eq!(
        metadata(handler, "default", "request"),
        serde_json::json!([1, 2])
    );
    assert!(!handler.is_in_progress() && !handler.fault);
}

#[tokio::test]
async fn an_invocation_is_sent_in_progress_at_its_start_and_done_before_the_response() {
    let receiver = Receiver::start();
    let layer = receiver.layer();
    let invocation = invoke(&layer, Some(&sampled()), async |_| {
        let started = receiver.document().unwrap();
        assert!(started.is_in_progress());
        assert_eq!(started.name, "## orders");
        Ok(started.id)
    });
    let id = invocation.await.unwrap();
    let ended = receiver.document().unwrap();
    assert!(!ended.is_in_progress());
    assert_eq!(ended.id, id);
    let done = receiver.datagram();
    assert_eq!(
        Datagram::parse(&done),
        Ok(Datagram::Done {
            request_id: "8b2c",
            documents: Some(2),
        })
    );
}

#[tokio::test]
async fn an_error_is_a_fault_with_its_causes() {
    let receiver = Receiver::start();
    let result = invoke(&receiver.layer(), Some(&sampled()), async |_| {
        subsegment("price")
            .capture(async {
                let parsed: Result<u8, _> = "x".parse();
                parsed.map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidData, error))
            })
            .await?;
        Ok(())
    })
    .await;
    assert_eq!(
        result.unwrap_err().to_string(),
        "invalid digit found in string"
    );

    let trace = receiver.invocation();
    let price = trace.get("price");
    assert!(price.fault);
    let chain = exceptions(price.cause.as_ref());
    assert_eq!(chain[0].kind.as_deref(), Some("std::io::error::Error"));
    assert_eq!(
        chain[0].message.as_deref(),
        Some("invalid digit found in string")
    );
    let handler = trace.get("## orders");
    assert!(handler.fault);
    // The error propagates to the handler, but is written once.
    assert!(matches!(handler.cause, Some(Cause::Reference(id)) if id == chain[0].id));
}

#[tokio::test]
async fn an_error_with_a_source_names_its_source() {
    #[derive(Debug)]
    struct Unavailable(std::io::Error);
    impl std::fmt::Display for Unavailable {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("the supplier is unavailable")
        }
    }
    impl std::error::Error for Unavailable {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }

    let receiver = Receiver::start();
    let result: Result<(), Error> = invoke(&receiver.layer(), Some(&sampled()), async |_| {
        Err(Unavailable(std::io::Error::other("connection reset")).into())
    })
    .await;
    assert!(result.is_err());
    let trace = receiver.invocation();
    let chain = exceptions(trace.get("## orders").cause.as_ref());
    let messages: Vec<_> = chain
        .iter()
        .map(|e| e.message.as_deref().unwrap())
        .collect();
    assert_eq!(
        messages,
        ["the supplier is unavailable", "connection reset"]
    );
    assert_eq!(chain[0].kind.as_deref(), Some("Unavailable"));
    assert_eq!(chain[0].cause, Some(chain[1].id));
}

#[tokio::test]
async fn siblings_with_equal_errors_keep_causes_of_their_own() {
    async fn ask(name: &'static str) -> Result<(), Error> {
        let call = async {
            tokio::task::yield_now().await;
            Err(std::io::Error::other("timed out"))
        };
        subsegment(name)
            .capture(async {
                subsegment("attempt")
                    .capture(call)
                    .await
                    .map_err(Error::from)
            })
            .await
    }

    let receiver = Receiver::start();
    let result = invoke(&receiver.layer(), Some(&sampled()), async |_| {
        let all = futures_util::future::join_all(["a", "b", "c"].map(ask)).await;
        all.into_iter().collect::<Result<(), _>>()
    })
    .await;
    assert!(result.is_err());

    let trace = receiver.invocation();
    let attempts: Vec<_> = trace.all().filter(|one| one.name == "attempt").collect();
    assert_eq!(attempts.len(), 3);
    for attempt in attempts {
        let own = exceptions(attempt.cause.as_ref())[0].id;
        let around = trace.parent_of(attempt.id);
        let around = trace.all().find(|one| one.id == around).unwrap();
        assert!(
            matches!(around.cause, Some(Cause::Reference(id)) if id == own),
            "{around:?}"
        );
    }
    let handler = trace.get("## orders");
    assert!(matches!(handler.cause, Some(Cause::Reference(_))));
}

#[tokio::test]
async fn a_future_made_outside_an_invocation_does_not_join_one_that_polls_it() {
    use xray_lambda::FutureExt as _;

    let receiver = Receiver::start();
    let made_before = async { subsegment("not of this invocation").run(|| current().trace_id()) };
    let mut made_before = Some(made_before.in_current_subsegment());
    let within = invoke(&receiver.layer(), Some(&sampled()), |_| {
        let made_before = made_before.take().unwrap();
        async move {
            let within = made_before.await;
            subsegment("of this one").run(|| ());
            Ok(within)
        }
    });
    assert_eq!(within.await.unwrap(), None);
    let trace = receiver.invocation();
    assert_eq!(trace.parent("of this one"), "## orders");
    assert_eq!(trace.len(), 2);
}

#[tokio::test]
async fn a_panic_is_recorded_with_its_message_and_continues() {
    let receiver = Receiver::start();
    let invocation = invoke(&receiver.layer(), Some(&sampled()), async |_| {
        subsegment("stock")
            .trace(async { panic!("no stock left") })
            .await;
        Ok(())
    });
    let payload = AssertUnwindSafe(invocation)
        .catch_unwind()
        .await
        .unwrap_err();
    assert_eq!(payload.downcast_ref(), Some(&"no stock left"));

    let trace = receiver.invocation();
    let stock = trace.get("stock");
    assert!(stock.fault);
    let chain = exceptions(stock.cause.as_ref());
    assert_eq!(chain[0].message.as_deref(), Some("no stock left"));
    assert_eq!(chain[0].kind.as_deref(), Some("panic"));
    assert!(trace.get("## orders").fault);
}

#[tokio::test]
async fn a_panic_before_the_handlers_future_is_recorded_too() {
    let receiver = Receiver::start();
    let handler = |_| -> std::future::Ready<Result<(), Error>> { panic!("too early") };
    let invocation = invoke(&receiver.layer(), Some(&sampled()), handler);
    assert!(AssertUnwindSafe(invocation).catch_unwind().await.is_err());
    let trace = receiver.invocation();
    let chain = exceptions(trace.get("## orders").cause.as_ref());
    assert_eq!(chain[0].message.as_deref(), Some("too early"));
}

#[tokio::test]
async fn a_dropped_handler_is_recorded_as_cancelled() {
    let receiver = Receiver::start();
    let layer = receiver.layer();
    let mut invocation = Box::pin(invoke(&layer, Some(&sampled()), async |_| {
        subsegment("never")
            .trace(std::future::pending::<()>())
            .await;
        Ok(())
    }));
    assert!(futures_util::poll!(&mut invocation).is_pending());
    drop(invocation);
    let trace = receiver.invocation();
    assert_eq!(
        metadata(trace.get("## orders"), "xray_lambda", "cancelled"),
        true
    );
    assert_eq!(
        metadata(trace.get("never"), "xray_lambda", "cancelled"),
        true
    );
    assert_eq!(trace.parent("never"), "## orders");
}

#[tokio::test]
async fn if_lambda_records_nothing_only_the_header_is_passed_on() {
    let not_sampled = format!("Root={ROOT};Parent={PARENT};Sampled=0;Lineage=2:c3e4b99a:0");
    let pass_through = format!("Root={ROOT};Lineage=2:c3e4b99a:0");
    for header in [&not_sampled, &pass_through] {
        let receiver = Receiver::start();
        let sent = invoke(&receiver.layer(), Some(header), async |_| {
            let begun = subsegment("quote").annotate("a", 1).start();
            begun.annotate("b", 2).set_fault();
            assert!(!begun.is_recording());
            let within = subsegment("inner")
                .trace(async { current().trace_header() })
                .await;
            Ok(within.unwrap().to_string())
        })
        .await
        .unwrap();
        assert_eq!(sent, *header);
        assert!(receiver.invocation().is_empty(), "{header}");
    }
}

#[tokio::test]
async fn an_invocation_without_a_trace_runs_as_without_the_layer() {
    let receiver = Receiver::start();
    let header = invoke(&receiver.layer(), None, async |_| {
        subsegment("a").run(|| drop(current().annotate("b", 1).set_error().clone()));
        Ok(current().trace_header())
    });
    assert_eq!(header.await.unwrap(), None);
    assert!(receiver.invocation().is_empty());
}

#[tokio::test]
async fn the_header_of_a_call_has_its_subsegment_as_parent_and_keeps_lambdas_fields() {
    let receiver = Receiver::start();
    let header = invoke(&receiver.layer(), Some(&sampled()), async |_| {
        Ok(subsegment("quote")
            .trace(async { current().trace_header().unwrap() })
            .await)
    })
    .await
    .unwrap();
    let quote = receiver.invocation().get("quote").id;
    assert_eq!(
        header.to_string(),
        format!("Root={ROOT};Parent={quote};Sampled=1;Lineage=2:c3e4b99a:0")
    );
}

#[tokio::test]
async fn of_two_nested_layers_only_the_outer_one_records() {
    let receiver = Receiver::start();
    let layer = receiver.layer();
    let inner = layer.layer(tower::service_fn(async |_| Ok::<_, Error>(())));
    let mut outer = layer.layer(inner);
    outer.call(event(Some(&sampled()), "1")).await.unwrap();
    outer.call(event(Some(&sampled()), "2")).await.unwrap();
    assert_eq!(receiver.invocation().len(), 1);
    assert_eq!(receiver.invocation().len(), 1);
}

#[tokio::test]
async fn a_subsegment_that_outlives_its_invocation_arrives_late_in_its_trace() {
    let receiver = Receiver::start();
    let begin = async |_| Ok(subsegment("detached").start());
    let detached = invoke(&receiver.layer(), Some(&sampled()), begin)
        .await
        .unwrap();
    let handler = receiver.invocation().get("## orders").id;
    drop(detached);
    let detached = receiver.document().unwrap();
    assert_eq!(detached.parent_id, Some(handler));
    assert_eq!(detached.trace_id.unwrap().to_string(), ROOT);
    assert_eq!(metadata(&detached, "xray_lambda", "late"), true);
}

#[tokio::test]
async fn environments_restored_from_one_snapshot_do_not_share_ids() {
    let receiver = Receiver::start();
    let mut service = receiver
        .layer()
        .layer(tower::service_fn(async |_| Ok::<_, Error>(())));
    let mut ids = Vec::new();
    for request_id in ["1", "2"] {
        fastrand::seed(7);
        service
            .call(event(Some(&sampled()), request_id))
            .await
            .unwrap();
        ids.push(receiver.invocation().get("## orders").id);
    }
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn an_anyhow_error_keeps_its_chain() {
    use anyhow::Context as _;

    let receiver = Receiver::start();
    let service = tower::service_fn(async |_| {
        let result: anyhow::Result<()> = Err(anyhow::anyhow!("connection reset"));
        subsegment("quote")
            .capture(async { result.context("the supplier is unavailable") })
            .await
    });
    receiver
        .layer()
        .layer(service)
        .oneshot(event(Some(&sampled()), "1"))
        .await
        .unwrap_err();
    let trace = receiver.invocation();
    let chain = exceptions(trace.get("quote").cause.as_ref());
    let messages: Vec<_> = chain
        .iter()
        .map(|e| e.message.as_deref().unwrap())
        .collect();
    assert_eq!(
        messages,
        ["the supplier is unavailable", "connection reset"]
    );
    let handler = trace.get("## orders");
    assert!(matches!(handler.cause, Some(Cause::Reference(id)) if id == chain[0].id));
}

#[tokio::test]
async fn a_spawned_task_stays_in_its_subsegment() {
    let receiver = Receiver::start();
    invoke(&receiver.layer(), Some(&sampled()), async |_| {
        let work = async {
            xray_lambda::spawn(subsegment("in the task").trace(async {}))
                .await
                .unwrap();
            xray_lambda::spawn(async { subsegment("begun by it").run(|| ()) })
                .await
                .unwrap();
        };
        subsegment("around").trace(work).await;
        Ok(())
    })
    .await
    .unwrap();
    let trace = receiver.invocation();
    assert_eq!(trace.parent("in the task"), "around");
    assert_eq!(trace.parent("begun by it"), "around");
}

#[tokio::test]
async fn http_handlers_of_lambda_http_are_traced() {
    async fn handler(_: lambda_http::Request) -> Result<&'static str, Error> {
        subsegment("validate").run(|| ());
        Ok("hello")
    }

    let receiver = Receiver::start();
    let mut service = receiver.layer().layer(lambda_http::service_fn(handler));
    let mut request = lambda_http::Request::default();
    request
        .extensions_mut()
        .insert(event(Some(&sampled()), "1").context);
    service.call(request).await.unwrap();
    assert_eq!(receiver.invocation().parent("validate"), "## orders");
}

#[allow(dead_code, reason = "the test is that it compiles")]
async fn the_layer_works_with_each_way_to_run() -> Result<(), Error> {
    async fn of_events(event: lambda_runtime::LambdaEvent<String>) -> Result<String, Error> {
        Ok(event.payload)
    }
    async fn of_requests(_: lambda_http::Request) -> Result<&'static str, Error> {
        Ok("hello")
    }
    let layer = xray_lambda::XRayLayer::new();
    lambda_runtime::run(layer.layer(tower::service_fn(of_events))).await?;
    lambda_runtime::run_concurrent(layer.layer(tower::service_fn(of_events))).await?;
    lambda_runtime::Runtime::new(tower::service_fn(of_events))
        .layer(layer.clone())
        .run_concurrent()
        .await?;
    lambda_http::run(layer.layer(tower::service_fn(of_requests))).await?;
    lambda_http::run_concurrent(layer.layer(tower::service_fn(of_requests))).await
}
