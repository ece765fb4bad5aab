use serde_json::Value;
use xray_local_store::{Trace, TraceSummary};

use crate::operation::{SummaryBody, TraceBody};

/// The JSON of a trace in the response of `BatchGetTraces`, for programs that read the
/// store directly.
pub fn trace_json(trace: &Trace) -> Value {
    // Never fails: the body consists of strings and numbers under string keys.
    serde_json::to_value(TraceBody::from(trace)).unwrap_or_default()
}

/// The JSON of a summary in the response of `GetTraceSummaries`.
pub fn summary_json(summary: &TraceSummary) -> Value {
    serde_json::to_value(SummaryBody::from(summary)).unwrap_or_default()
}
