use serde::Serialize;
use serde::de::DeserializeOwned;
use xray_local_store::Store;

use super::batch_get_traces::batch_get_traces;
use super::get_trace_summaries::get_trace_summaries;
use super::put_telemetry_records::put_telemetry_records;
use super::put_trace_segments::put_trace_segments;
use crate::error::ApiError;

/// Every operation of the API's model (2016-04-12), in the order of their names. An
/// operation without a handler is answered with 501.
#[rustfmt::skip]
pub(crate) static OPERATIONS: [Operation; 38] = [
    row("BatchGetTraces",                 "/Traces",                        Some(|store, body| run(batch_get_traces, store, body))),
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
    row("GetTraceSummaries",              "/TraceSummaries",                Some(|store, body| run(get_trace_summaries, store, body))),
    row("ListResourcePolicies",           "/ListResourcePolicies",          None),
    row("ListRetrievedTraces",            "/ListRetrievedTraces",           None),
    row("ListTagsForResource",            "/ListTagsForResource",           None),
    row("PutEncryptionConfig",            "/PutEncryptionConfig",           None),
    row("PutResourcePolicy",              "/PutResourcePolicy",             None),
    row("PutTelemetryRecords",            "/TelemetryRecords",              Some(|store, body| run(put_telemetry_records, store, body))),
    row("PutTraceSegments",               "/TraceSegments",                 Some(|store, body| run(put_trace_segments, store, body))),
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
    /// The path of its requests, which are POSTs.
    pub(crate) path: &'static str,
    pub(crate) handler: Option<Handler>,
}

/// Runs an operation with the JSON of a request and returns the JSON of the response.
pub(crate) type Handler = fn(&Store, &[u8]) -> Result<String, ApiError>;

/// The names of the operations that have a handler.
pub(crate) fn answered_names() -> Vec<&'static str> {
    let answered = OPERATIONS.iter().filter(|row| row.handler.is_some());
    answered.map(|row| row.name).collect()
}

const fn row(name: &'static str, path: &'static str, handler: Option<Handler>) -> Operation {
    Operation {
        name,
        path,
        handler,
    }
}

/// Turns the function of an operation into a [`Handler`].
fn run<I: DeserializeOwned, O: Serialize>(
    operation: fn(&Store, I) -> Result<O, ApiError>,
    store: &Store,
    body: &[u8],
) -> Result<String, ApiError> {
    // The AWS CLI may send no body for an operation without required members.
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
    fn operations_are_ordered_by_name_and_have_their_own_paths() {
        let names: Vec<_> = OPERATIONS.iter().map(|row| row.name).collect();
        assert!(names.is_sorted_by(|one, next| one < next), "{names:?}");
        let paths: HashSet<_> = OPERATIONS.iter().map(|row| row.path).collect();
        assert_eq!(paths.len(), OPERATIONS.len());
    }

    #[test]
    fn the_documentation_lists_the_answered_operations() {
        let lines = include_str!("../lib.rs").lines();
        let documented: Vec<_> = lines
            .filter_map(|line| line.strip_prefix("//! - `")?.strip_suffix('`'))
            .collect();
        assert_eq!(documented, answered_names());
    }
}
