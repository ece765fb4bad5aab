//! The X-Ray API (version 2016-04-12) over HTTP, for boto3, the AWS CLI, Grafana and other
//! clients: a [`router`] in front of a [`Store`](xray_local_store::Store). Also the X-Ray
//! [`daemon`]'s UDP receiver in front of the same store.
//!
//! The protocol is AWS's rest-json: each operation is a POST of a JSON object. SigV4
//! signatures are accepted but not verified.
//!
//! This version answers these operations:
//!
//! - `BatchGetTraces`
//! - `GetTraceSummaries`
//! - `PutTelemetryRecords`
//! - `PutTraceSegments`
//!
//! The other operations of the API answer 501 `NotImplementedException`.

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
