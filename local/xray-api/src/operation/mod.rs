//! The operations of the API. Each implemented operation has a file of its own, with its
//! request, its response and its rules, and a handler in its row of [`OPERATIONS`].

mod batch_get_traces;
mod get_trace_summaries;
mod not_implemented;
mod page_token;
mod put_telemetry_records;
mod put_trace_segments;
mod table;
mod trace_summary;

pub(crate) use batch_get_traces::TraceBody;
pub(crate) use not_implemented::not_implemented;
pub(crate) use table::{Handler, OPERATIONS, Operation, implemented_names};
pub(crate) use trace_summary::SummaryBody;
