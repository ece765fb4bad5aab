//! One file for each operation: its request, its answer and the rules between them.

mod batch_get_traces;
mod get_trace_summaries;
mod later;
mod page_token;
mod put_telemetry_records;
mod put_trace_segments;
mod trace_summary;

pub(crate) use batch_get_traces::{TraceBody, batch_get_traces};
pub(crate) use get_trace_summaries::get_trace_summaries;
pub(crate) use later::{LATER, not_yet};
pub(crate) use put_telemetry_records::put_telemetry_records;
pub(crate) use put_trace_segments::put_trace_segments;
pub(crate) use trace_summary::SummaryBody;
