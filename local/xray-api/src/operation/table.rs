use serde::Serialize;
use serde::de::DeserializeOwned;
use xray_local_store::Store;

use super::batch_get_traces::batch_get_traces;
use super::get_trace_summaries::get_trace_summaries;
use super::put_telemetry_records::put_telemetry_records;
use super::put_trace_segments::put_trace_segments;
use crate::error::ApiError;

/// All operations of the API's model (2016-04-12), in alphabetical order. An operation without
/// a handler is not implemented: its response is 501.
#[rustfmt::skip]
pub(crate) static OPERATIONS: [Operation; 38] = [
    row("BatchGetTraces",                 "/Traces",                        Some(|store, body| handle_json(batch_get_traces, store, body))),
    row("CancelTraceRetrieval",           "/CancelTraceRetrieval",          None),
    row("CreateGroup",                    "/CreateGroup",                   None),
    row("CreateSamplingRule",             "/CreateSamplingRule",            None),
    row("DeleteGroup",                    "/DeleteGroup",                   None),
    row("DeleteResourcePolicy",           "/DeleteResourcePolicy",          None),
    row("DeleteSamplingRule",             "/DeleteSamplingRule",            None),
    row("GetEncryptionConfig",            "/EncryptionConfig",              None),
    row("GetGroup",                       "/GetGroup",                      None),
    row("GetGroups",                      "/Groups",                        None),
    row("GetIndexingRules",               "/GetIndexingRules",              None),
    row("GetInsight",                     "/Insight",                       None),
    row("GetInsightEvents",               "/InsightEvents",                 None),
    row("GetInsightImpactGraph",          "/InsightImpactGraph",            None),
    row("GetInsightSummaries",            "/InsightSummaries",              None),
    row("GetRetrievedTracesGraph",        "/GetRetrievedTracesGraph",       None),
    row("GetSamplingRules",               "/GetSamplingRules",              None),
    row("GetSamplingStatisticSummaries",  "/SamplingStatisticSummaries",    None),
    row("GetSamplingTargets",             "/SamplingTargets",               None),
    row("GetServiceGraph",                "/ServiceGraph",                  None),
    row("GetTimeSeriesServiceStatistics", "/TimeSeriesServiceStatistics",   None),
    row("GetTraceGraph",                  "/TraceGraph",                    None),
    row("GetTraceSegmentDestination",     "/GetTraceSegmentDestination",    None),
    row("GetTraceSummaries",              "/TraceSummaries",                Some(|store, body| handle_json(get_trace_summaries, store, body))),
    row("ListResourcePolicies",           "/ListResourcePolicies",          None),
    row("ListRetrievedTraces",            "/ListRetrievedTraces",           None),
    row("ListTagsForResource",            "/ListTagsForResource",           None),
    row("PutEncryptionConfig",            "/PutEncryptionConfig",           None),
    row("PutResourcePolicy",              "/PutResourcePolicy",             None),
    row("PutTelemetryRecords",            "/TelemetryRecords",              Some(|store, body| handle_json(put_telemetry_records, store, body))),
    row("PutTraceSegments",               "/TraceSegments",                 Some(|store, body| handle_json(put_trace_segments, store, body))),
    row("StartTraceRetrieval",            "/StartTraceRetrieval",           None),
    row("TagResource",                    "/TagResource",                   None),
    row("UntagResource",                  "/UntagResource",                 None),
    row("UpdateGroup",                    "/UpdateGroup",                   None),
    row("UpdateIndexingRule",             "/UpdateIndexingRule",            None),
    row("UpdateSamplingRule",             "/UpdateSamplingRule",            None),
    row("UpdateTraceSegmentDestination",  "/UpdateTraceSegmentDestination", None),
];

/// One operation of the X-Ray API.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    /// The path. Every operation is a POST.
    pub(crate) path: &'static str,
    pub(crate) handler: Option<Handler>,
}

/// Handles the JSON of a request and returns the JSON of the response.
pub(crate) type Handler = fn(&Store, &[u8]) -> Result<String, ApiError>;

/// The names of the implemented operations, which have a handler.
pub(crate) fn implemented_names() -> Vec<&'static str> {
    let implemented = OPERATIONS
        .iter()
        .filter(|operation| operation.handler.is_some());
    implemented.map(|operation| operation.name).collect()
}

const fn row(name: &'static str, path: &'static str, handler: Option<Handler>) -> Operation {
    Operation {
        name,
        path,
        handler,
    }
}

/// Reads the JSON of a request, runs `operation`, and returns the JSON of its response.
fn handle_json<I: DeserializeOwned, O: Serialize>(
    operation: fn(&Store, I) -> Result<O, ApiError>,
    store: &Store,
    body: &[u8],
) -> Result<String, ApiError> {
    // The AWS CLI sends no body if the operation has no parameters.
    let body = if body.is_empty() { b"{}" } else { body };
    let input = serde_json::from_slice(body).map_err(|error| {
        ApiError::serialization(format!("the request is not the expected JSON: {error}"))
    })?;
    let output = operation(store, input)?;
    serde_json::to_string(&output).map_err(|error| ApiError::internal(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn operations_are_in_alphabetical_order() {
        let names: Vec<_> = OPERATIONS.iter().map(|operation| operation.name).collect();
        assert!(names.is_sorted_by(|one, next| one < next), "{names:?}");
    }

    #[test]
    fn no_two_operations_share_a_path() {
        let paths: HashSet<_> = OPERATIONS.iter().map(|operation| operation.path).collect();
        assert_eq!(paths.len(), OPERATIONS.len());
    }

    #[test]
    fn the_documentation_lists_the_implemented_operations() {
        let lines = include_str!("../lib.rs").lines();
        let documented: Vec<_> = lines
            .filter_map(|line| line.strip_prefix("//! - `")?.strip_suffix('`'))
            .collect();
        assert_eq!(documented, implemented_names());
    }
}
