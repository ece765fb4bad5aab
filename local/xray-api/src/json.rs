use serde_json::Value;
use xray_local_store::{Trace, TraceSummary};

use crate::operation::{SummaryBody, TraceBody};

/// A trace as `BatchGetTraces` writes it, for whoever has the store at hand.
pub fn trace_json(trace: &Trace) -> Value {
    // Strings, numbers and string keys: every one of these can be a value.
    serde_json::to_value(TraceBody::from(trace)).unwrap_or_default()
}

/// A summary as `GetTraceSummaries` writes it.
pub fn summary_json(summary: &TraceSummary) -> Value {
    serde_json::to_value(SummaryBody::from(summary)).unwrap_or_default()
}
