//! AWS X-Ray for Rust functions on Lambda.
//!
//! Put a layer around the handler and an interceptor into each AWS SDK client. The trace
//! then shows each call of the function: its table, its retries, its duration and the
//! reason if it failed.
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
//! `run_concurrent` needs `lambda_runtime`'s feature `concurrency-tokio`; `run` works too.
//! The function needs `Tracing: Active`. The `xray-lambda` extension is optional: without
//! it, Lambda's own X-Ray daemon receives the documents.
//!
//! # Sources of subsegments
//!
//! | source | add | result |
//! |---|---|---|
//! | the handler | [`XRayLayer`] | `## <function>` under Lambda's function segment, with the annotations `ColdStart` and `Service`, and the handler's error or panic |
//! | AWS SDK | `.interceptor(`[`aws::Interceptor`]`::new())` on the client's config | a subsegment for each call: operation, table or queue, region, request id, retries, status |
//! | HTTP | [`http::ClientLayer`] or [`http::Reqwest`] | a subsegment for each request: method, URL without its query, status |
//! | your own code | [`subsegment`] | a subsegment with annotations, metadata and the `Err` of its future |
//! | `#[tracing::instrument]` | [`tracing_layer`] on the subscriber | a subsegment for each span; fields `annotation.*` are indexed |
//!
//! Each recorded AWS or HTTP call carries the trace header, including Lambda's field
//! `Lineage`. If the trace is not sampled, or the function's tracing mode is PassThrough,
//! nothing is recorded and calls carry the header of the invocation unchanged.
//!
//! URLs in error messages lose their user name, password, query and fragment, because
//! these may hold secrets.
//!
//! # Parents
//!
//! The parent of a subsegment is the subsegment around it: the one whose future or closure
//! is running, or the one of the current `tracing` span. The current subsegment is set
//! only while its future is polled. The children of a `join_all` are therefore siblings,
//! and concurrent invocations on Managed Instances do not mix. A spawned task has no
//! parent; give it one with [`in_current_subsegment`](FutureExt::in_current_subsegment) or
//! [`spawn`].
//!
//! # An HTTP API
//!
//! The same layer works with `lambda_http`:
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
//! | `http-client` | no | [`http::ClientLayer`] for tower clients |
//! | `reqwest` | no | [`http::Reqwest`], middleware for reqwest |
//! | `tokio` | no | [`spawn`] |
//! | `anyhow` | no | the causes of a handler's `anyhow::Error` |
//!
//! # Cost
//!
//! Nothing at start: no thread and no connection. The first invocation opens one UDP
//! socket. Unsampled invocations use it too: they signal their end to the extension.
//!
//! A subsegment costs about 0.35 µs, JSON and sending included, and about 0.05 µs if it is
//! not sampled (`make bench`). An invocation usually sends three datagrams: the handler's
//! subsegment at the start, all subsegments at the end, and the signal that it is done.
//! Each takes a few microseconds, and none is waited for.
//!
//! # Failures
//!
//! No call of this crate returns an error of its own, blocks or panics; only [`spawn`]
//! panics outside a Tokio runtime, as Tokio's does. A document that cannot be sent is
//! dropped and counted: see [`stats`].
//!
//! # Limits
//!
//! - A document has at most 63 KB; X-Ray accepts 64 KB. A larger tree of subsegments is sent
//!   as several documents. A single subsegment over the limit loses its largest metadata
//!   first, then the causes of its error, then everything except its name, its namespace
//!   and its error flags. It gets the metadata `xray_lambda.truncated`.
//! - X-Ray indexes 50 annotations of a trace (AWS General Reference, X-Ray quotas).
//! - If a timeout kills the function, the trace keeps the handler's subsegment, in progress,
//!   and every subsegment that was sent before. Ended subsegments wait for the end of the
//!   invocation. They are sent earlier, as soon as the next one ends, if more than 48 KB
//!   wait, if the last send was more than a second ago, or if the deadline is less than a
//!   second away (less than a quarter of the time that the invocation had, if that is
//!   shorter). Subsegments that are open or waiting at the timeout are lost: for example a
//!   call of 1 ms before a call that hangs.
//! - A `tracing` span ends after the last span within it, because `tracing` keeps it open.
//! - The subsegment of an invocation with a streamed response ends with the handler's
//!   future. Subsegments that start while the body is sent arrive late or are lost.
//! - A guard of `Span::enter` that is held across an `.await` leaves its span current for
//!   other futures on the same thread. The handler's future, and a future with
//!   [`in_current_subsegment`](FutureExt::in_current_subsegment), restore the previous
//!   subsegment. A plain task of `spawn_local` does not.
//! - A filter on the whole `tracing` subscriber also hides spans from this crate. Put the
//!   filter on the layer that writes the logs.

#![warn(missing_docs)]
// With all features, as docs.rs builds it, each link is checked.
#![cfg_attr(
    not(all(
        feature = "aws-sdk",
        feature = "http-client",
        feature = "reqwest",
        feature = "tokio",
        feature = "tracing"
    )),
    allow(
        rustdoc::broken_intra_doc_links,
        reason = "the documentation links to items of disabled features"
    )
)]
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
pub use lambda::{XRayFuture, XRayLayer, XRayService};
pub use subsegment::{Captured, Current, Subsegment, SubsegmentBuilder, current, subsegment};
#[cfg(feature = "tracing")]
pub use tracing::{TracingLayer, tracing_layer};
pub use xray_document::{AnnotationValue, Namespace, SegmentId, TraceHeader, TraceId};

/// Compiles the code blocks of the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
