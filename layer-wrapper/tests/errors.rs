//! The error types that `capture` accepts, and futures that hold its future.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod support;

use std::convert::Infallible;

use futures_util::future::join_all;
use lambda_runtime::{Error, LambdaEvent};
use support::{Receiver, Trace, event, sampled};
use tower::{Layer as _, ServiceExt as _, service_fn};
use xray_document::Cause;
use xray_lambda::subsegment;

async fn leaf<E>(number: u64, error: impl FnOnce(u64) -> E) -> Result<(), E> {
    tokio::task::yield_now().await;
    if number == 1 {
        return Err(error(number));
    }
    Ok(())
}

/// A `join_all` of captured futures, as in many handlers.
async fn all<E>(name: &str, error: impl FnOnce(u64) -> E + Copy) -> Vec<Result<(), E>>
where
    E: std::error::Error + 'static,
{
    let captured = |i| subsegment(format!("{name}{i}")).capture(leaf(i, error));
    join_all((0..3).map(captured)).await
}

async fn handler(_: LambdaEvent<()>) -> Result<(), Error> {
    let parsed = |_| "x".parse::<u64>().unwrap_err();
    let boxed = join_all((0..3_u64).map(|i| {
        subsegment(format!("boxed{i}"))
            .capture(async move { leaf(i, |i| Error::from(format!("boxed {i}"))).await })
    }))
    .await;
    let texts = join_all((0..3_u64).map(|i| {
        subsegment(format!("text{i}")).capture(async move { leaf(i, |_| "a text").await })
    }))
    .await;
    let reports = join_all((0..3_u64).map(|i| {
        subsegment(format!("report{i}"))
            .capture(async move { leaf(i, |i| anyhow::anyhow!("report {i}")).await })
    }))
    .await;
    assert!(texts[1].is_err() && reports[1].is_err());
    assert!(all("typed", parsed).await[1].is_err());
    boxed.into_iter().collect()
}

fn assert_send<T: Send>(value: T) -> T {
    value
}

fn message<'a>(trace: &'a Trace, name: &str) -> &'a str {
    let subsegment = trace.get(name);
    assert!(subsegment.fault, "{name} is not a fault");
    match &subsegment.cause {
        Some(Cause::Exceptions(cause)) => cause.exceptions[0].message.as_deref().unwrap(),
        other => panic!("{name} has no exceptions: {other:?}"),
    }
}

#[tokio::test]
async fn a_join_all_of_each_kind_of_error_works_in_a_handler_of_run_concurrent() {
    let receiver = Receiver::start();
    let service = receiver.layer().layer(service_fn(handler));
    // Never polled: the test is that it compiles.
    drop(lambda_runtime::run_concurrent(service.clone()));
    let invocation = assert_send(service.oneshot(event(Some(&sampled()), "8b2c")));
    let error = tokio::spawn(invocation).await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "boxed 1");

    let trace = receiver.invocation();
    assert_eq!(message(&trace, "boxed1"), "boxed 1");
    assert_eq!(message(&trace, "text1"), "a text");
    assert_eq!(message(&trace, "report1"), "report 1");
    assert_eq!(message(&trace, "typed1"), "invalid digit found in string");
    for fine in ["boxed0", "text2", "report0", "typed2"] {
        assert!(!trace.get(fine).fault);
    }
}

#[tokio::test]
async fn boxed_errors_are_captured_with_and_without_send() {
    type Plain = Box<dyn std::error::Error>;
    type Sent = Box<dyn std::error::Error + Send>;

    let receiver = Receiver::start();
    support::invoke(&receiver.layer(), Some(&sampled()), async |_| {
        let io = || std::io::Error::other("no disk");
        let plain = async { Err::<Infallible, Plain>(Box::new(io())) };
        assert!(subsegment("plain").capture(plain).await.is_err());
        let sent = async { Err::<Infallible, Sent>(Box::new(io())) };
        assert!(subsegment("sent").capture(sent).await.is_err());
        let tried = subsegment("tried").try_run(|| Err::<Infallible, Plain>(Box::new(io())));
        assert!(tried.is_err());
        let recorded: Plain = Box::new(io());
        subsegment("recorded").run(|| {
            xray_lambda::current().record_error(&recorded);
        });
        Ok(())
    })
    .await
    .unwrap();

    let trace = receiver.invocation();
    for name in ["plain", "sent", "tried", "recorded"] {
        assert_eq!(message(&trace, name), "no disk");
    }
}
