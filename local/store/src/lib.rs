//! Where xray-local keeps traces: documents whole in SQLite, what is searched in memory.
//!
//! [`Store::put_json`] takes documents as they came and derives, once, what queries ask
//! for; [`Store::traces`] compiles a trace as `BatchGetTraces` gives it and
//! [`Store::summaries`] pages through them as `GetTraceSummaries` does. Several processes
//! may open one data directory: each sees what the others wrote.
//!
//! No HTTP and no SQL appears in the interface.

mod compile;
mod contract;
mod database;
mod error;
mod fields;
mod index;
mod store;
mod summary;

pub use contract::{
    AnnotationWithServices, PageToken, PutResult, ServiceId, SummaryHttp, SummaryPage,
    SummaryQuery, TRACE_SIZE_EXCEEDED, TimeRange, Trace, TraceSegment, TraceSummary,
};
pub use error::StoreError;
pub use store::Store;
