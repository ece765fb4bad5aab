//! The trace store of `xray-local`: documents in SQLite, a search index in memory.
//!
//! [`Store::put_json`] stores documents as they were received and indexes them on
//! arrival. [`Store::traces`] compiles traces as `BatchGetTraces` returns them.
//! [`Store::summaries`] lists traces as `GetTraceSummaries` does, page by page. Several
//! processes may open the same data directory; each sees the documents of the others.
//!
//! The interface depends neither on SQL nor on the HTTP protocol of the X-Ray API.
//!
//! ```
//! use xray_local_store::Store;
//!
//! let store = Store::in_memory()?;
//! let results = store.put_json(&[r#"{
//!     "name": "orders", "id": "70de5b6f19ff9a0a",
//!     "trace_id": "1-6750a1b2-00112233445566778899aabb",
//!     "start_time": 1733337522.0, "end_time": 1733337522.5
//! }"#])?;
//! assert!(results[0].is_ok());
//!
//! let id = "1-6750a1b2-00112233445566778899aabb".parse()?;
//! let traces = store.traces(&[id])?;
//! assert_eq!(traces[0].duration, 0.5);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![warn(missing_docs)]

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
