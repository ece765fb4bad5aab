//! AWS X-Ray for Rust functions on Lambda.
//!
//! Put a Tower layer around the handler and an interceptor into each AWS SDK client. The
//! trace then shows each call of the function: its table, its retries, its duration and the
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
//! The function needs `Tracing: Active`. This project's Lambda extension is optional:
//! without it, Lambda's own X-Ray daemon receives the segment documents.
//!
//! # Sources of subsegments
//!
//! | source | add | result |
//! |---|---|---|
//! | the handler | [`XRayLayer`] | `## <function>` under Lambda's function segment, with the annotations `ColdStart` and `Service`, and the handler's error or panic |
//! | AWS SDK | `.interceptor(`[`aws::Interceptor`]`::new())` on the client's config | a subsegment for each call: operation, table or queue, region, request id, retries, status |
//! | HTTP | [`http::ClientLayer`] or [`http::Reqwest`] | a subsegment for each request: method, URL without its query, status |
//! | your own code | [`subsegment`] | a subsegment with annotations, metadata and the `Err` of its future |
//! | `#[tracing::instrument]` | [`tracing_layer`] on the subscriber | a subsegment for each span; fields `annotation.*` become annotations |
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
//! and concurrent invocations on Managed Instances do not mix.
//!
//! A spawned task has no parent: its subsegments are not recorded, and
//! [`Stats::orphans`] counts those of [`subsegment`]. Give the task a parent with
//! [`in_current_subsegment`](FutureExt::in_current_subsegment) or [`spawn`].
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
//! Nothing at start: no thread and no connection. The first document opens a stream to this
//! project's extension or, without that extension, one UDP socket.
//!
//! A subsegment costs about 0.35 µs, JSON and sending included, and about 0.05 µs if it is
//! not sampled (`make bench`). A sampled invocation usually sends two documents: the handler's
//! subsegment at the start, and all subsegments at the end. Each takes a few microseconds, and
//! none is waited for.
//!
//! Each invocation, sampled or not, also sends the extension the signal that the invocation is
//! done, so that the extension can send the documents to X-Ray. The signal and the stream are
//! for loopback addresses only, because only the extension understands them. Lambda's own
//! daemon has another address and receives UDP datagrams without a signal.
//!
//! The kernel loses nothing of a stream. If the extension has no CPU time to read, what the
//! kernel cannot hold waits in at most 4 MB of memory, and a thread sends it. The thread ends
//! when nothing waits.
//!
//! # Failures
//!
//! No function of this crate blocks, panics or returns an error of its own. The exception
//! is [`spawn`], which panics outside a Tokio runtime, as `tokio::spawn` does. A document
//! that cannot be sent is dropped and counted: see [`stats`].
//!
//! # Limits
//!
//! - A document has at most 63 KB; X-Ray accepts 64 KB. A larger tree of subsegments is sent
//!   as several documents. More than ten siblings that do not fit into their parent's document,
//!   or whose parent is still open, are put into subsegments named `more subsegments`, because
//!   X-Ray has no document of several siblings. Their metadata `xray_lambda.group` is the number
//!   of subsegments that they hold. A single subsegment over the limit loses its largest metadata
//!   first, then the causes of its error, then everything except its ids, times, name,
//!   namespace and error flags. It gets the metadata `xray_lambda.truncated`.
//! - X-Ray indexes at most 50 annotations per trace (AWS General Reference, X-Ray quotas).
//! - Subsegments that have ended wait for the end of the invocation. A subsegment that ends
//!   sends all of them earlier if one of these is true:
//!   - more than 512 KB wait;
//!   - the last send was more than a second ago;
//!   - the deadline is less than a second away, or less than a quarter of the time that the
//!     invocation had, whichever is shorter.
//! - If a timeout kills the function, the trace keeps the handler's subsegment, in progress,
//!   and every subsegment that was sent before. Subsegments that are open or waiting at the
//!   timeout are lost: for example a call of 1 ms before a call that hangs.
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
// docs.rs builds this crate with all features; then each link is checked. With fewer features
// some of the linked items do not exist.
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
