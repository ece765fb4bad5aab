//! AWS X-Ray for Rust functions on Lambda.
//!
//! A layer around the handler, an interceptor in each AWS SDK client, and the trace shows
//! what the function did: every call, its table, its retries, how long it took and why it
//! failed.
//!
//! ```no_run
//! use lambda_runtime::{Error, LambdaEvent};
//! use serde_json::Value;
//! use tower::ServiceBuilder;
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Error> {
//!     let handler = ServiceBuilder::new()
//!         .layer(xray_lambda::XRayLayer::new().service("checkout"))
//!         .service_fn(place_order);
//!     lambda_runtime::run_concurrent(handler).await
//! }
//!
//! async fn place_order(event: LambdaEvent<Value>) -> Result<Value, Error> {
//!     xray_lambda::current().annotate("tier", "gold");
//!     xray_lambda::subsegment("reserve stock").capture(reserve(event.payload)).await
//! }
//! # async fn reserve(order: Value) -> Result<Value, Error> { Ok(order) }
//! ```
//!
//! (`run_concurrent` is in `lambda_runtime`'s feature `concurrency-tokio`; `run` will do, too.)
//! The function needs `Tracing: Active`. Nothing else has to run: without the
//! `xray-lambda` extension the documents go to Lambda's own X-Ray daemon.
//!
//! # What is recorded
//!
//! | where | add | becomes |
//! |---|---|---|
//! | the handler | [`XRayLayer`] | `## <function>` under Lambda's own segment, annotations `ColdStart` and `Service`, the handler's error or panic |
//! | AWS SDK | `.interceptor(`[`aws::Interceptor`]`::new())` on the client's config | a subsegment for each call: operation, table or queue, region, request id, retries, status |
//! | HTTP | [`http::ClientLayer`] or [`http::Reqwest`] | a subsegment for each request: method, URL without its query, status |
//! | one's own work | [`subsegment`] | a subsegment with annotations, metadata and the `Err` of its future |
//! | `#[tracing::instrument]` | [`tracing_layer`] on the subscriber | a subsegment for each span; fields `annotation.*` are indexed |
//!
//! Calls carry the trace header on, Lambda's `Lineage` included. In a trace that is not
//! sampled, and in PassThrough, nothing is recorded and the header goes on as it came.
//!
//! The messages of errors lose the user and the query of every URL in them.
//!
//! # Where it hangs
//!
//! The parent of a subsegment is whatever encloses it: the future or closure that runs in a
//! subsegment, or the `tracing` span. The current parent is set only while its future is
//! polled, so the children of a `join_all` are siblings, and the concurrent invocations of
//! a Managed Instance do not mix. A task that is spawned starts without a parent; give it
//! one with [`in_current_subsegment`](FutureExt::in_current_subsegment) or [`spawn`].
//!
//! # An HTTP API
//!
//! The layer fits `lambda_http` as it is:
//!
//! ```no_run
//! # use lambda_http::{Error, IntoResponse, Request, service_fn};
//! # use tower::ServiceBuilder;
//! # async fn show(_: Request) -> Result<impl IntoResponse, Error> { Ok("hello") }
//! # async fn example() -> Result<(), Error> {
//! let handler = ServiceBuilder::new().layer(xray_lambda::XRayLayer::new()).service(service_fn(show));
//! lambda_http::run_concurrent(handler).await
//! # }
//! ```
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `aws-sdk` | yes | [`aws::Interceptor`] |
//! | `tracing` | yes | [`tracing_layer`] |
//! | `http-client` | | [`http::ClientLayer`] for tower clients |
//! | `reqwest` | | [`http::Reqwest`], middleware for reqwest |
//! | `tokio` | | [`spawn`] |
//! | `anyhow` | | the causes of a handler's `anyhow::Error` |
//!
//! # What it costs
//!
//! Nothing at start: no thread, no connection. The first invocation opens one UDP socket,
//! also where it is not sampled: the extension is told that it is done.
//!
//! A subsegment costs about a quarter of a microsecond with everything up to its JSON, one
//! that is not sampled some twenty nanoseconds. An invocation with its subsegments is
//! usually two datagrams and that signal, a few microseconds each, sent without waiting.
//!
//! # What it never does
//!
//! Nothing here returns an error to the function, waits, or panics. What cannot be sent is
//! dropped and counted: [`stats`]. A document over X-Ray's 64 KB is split at its children;
//! a single subsegment over it loses its largest metadata, then its chain of causes, and
//! says `truncated`.
//!
//! # Limits
//!
//! - X-Ray indexes 50 annotations of a trace.
//! - A function that is killed by its timeout leaves the invocation in progress, and what
//!   had been sent within it. A subsegment that ends sends all that have ended if more than
//!   48 KB wait, if the last sending was more than a second ago, or in the last second
//!   before the deadline (the last quarter, where there are less than four). What was open
//!   is lost, and so is what had ended after the last sending: a call of a millisecond, say,
//!   before one that hangs until the timeout.
//! - A `tracing` span ends when the last span within it has, as `tracing` keeps it so long.
//! - A response that is streamed counts up to its beginning: the invocation's subsegment
//!   ends when the handler's future does, and what a body begins while it is sent arrives
//!   late, or nowhere.
//! - A guard of `Span::enter` that is held across an `.await` leaves its span current for
//!   what its thread polls next. The handler's future, and one that is
//!   [`in_current_subsegment`](FutureExt::in_current_subsegment), clear up after
//!   themselves; in a plain task (`spawn_local`: others do not take such a guard) nobody does.
//! - A filter on the whole `tracing` subscriber takes spans away from this crate, too: put
//!   it on the layer that writes the logs.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]
#[cfg(feature = "aws-sdk")]
pub mod aws;
mod context;
mod emit;
mod failure;
#[cfg(any(feature = "http-client", feature = "reqwest"))]
pub mod http;
mod invocation;
mod lambda;
mod record;
mod subsegment;
mod text;
#[cfg(feature = "tracing")]
mod tracing;

#[cfg(feature = "tokio")]
pub use context::spawn;
pub use context::{FutureExt, InSubsegment};
pub use emit::{Stats, stats};
pub use failure::{CaptureError, error};
pub use lambda::{Traced, XRayLayer, XRayService};
pub use subsegment::{Captured, Current, Subsegment, SubsegmentBuilder, current, subsegment};
#[cfg(feature = "tracing")]
pub use tracing::{TracingLayer, tracing_layer};
pub use xray_document::{AnnotationValue, Namespace, SegmentId, TraceHeader, TraceId};

/// The README's code is compiled.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
