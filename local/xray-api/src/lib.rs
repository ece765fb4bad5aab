//! The X-Ray API (version 2016-04-12) over HTTP, for boto3, the AWS CLI, Grafana and other
//! clients: a [`router`] that reads and writes a [`Store`](xray_local_store::Store).
//! [`daemon`] receives documents over UDP, in place of the X-Ray daemon, into the same store.
//!
//! The protocol is AWS's rest-json: each operation is a POST of a JSON object. SigV4
//! signatures are accepted but not verified.
//!
//! This crate implements these operations:
//!
//! - `BatchGetTraces`
//! - `GetTraceSummaries`
//! - `PutTelemetryRecords`
//! - `PutTraceSegments`
//!
//! The response to the API's other operations is 501 `NotImplementedException`.

#![warn(missing_docs)]

mod body;
mod daemon;
mod error;
mod index_page;
mod json;
mod operation;
mod router;
mod throttled_log;
mod time;

pub use daemon::{DaemonCounts, daemon};
pub use json::{summary_json, trace_json};
pub use router::{loopback_router, router};
