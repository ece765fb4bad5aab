use axum::http::StatusCode;

use crate::error::ApiError;

/// The operations of the API (2016-04-12) that this version does not have: path, name.
pub(crate) const LATER: [(&str, &str); 34] = [
    ("/CancelTraceRetrieval", "CancelTraceRetrieval"),
    ("/CreateGroup", "CreateGroup"),
    ("/CreateSamplingRule", "CreateSamplingRule"),
    ("/DeleteGroup", "DeleteGroup"),
    ("/DeleteResourcePolicy", "DeleteResourcePolicy"),
    ("/DeleteSamplingRule", "DeleteSamplingRule"),
    ("/EncryptionConfig", "GetEncryptionConfig"),
    ("/GetGroup", "GetGroup"),
    ("/GetIndexingRules", "GetIndexingRules"),
    ("/GetRetrievedTracesGraph", "GetRetrievedTracesGraph"),
    ("/GetSamplingRules", "GetSamplingRules"),
    ("/GetTraceSegmentDestination", "GetTraceSegmentDestination"),
    ("/Groups", "GetGroups"),
    ("/Insight", "GetInsight"),
    ("/InsightEvents", "GetInsightEvents"),
    ("/InsightImpactGraph", "GetInsightImpactGraph"),
    ("/InsightSummaries", "GetInsightSummaries"),
    ("/ListResourcePolicies", "ListResourcePolicies"),
    ("/ListRetrievedTraces", "ListRetrievedTraces"),
    ("/ListTagsForResource", "ListTagsForResource"),
    ("/PutEncryptionConfig", "PutEncryptionConfig"),
    ("/PutResourcePolicy", "PutResourcePolicy"),
    (
        "/SamplingStatisticSummaries",
        "GetSamplingStatisticSummaries",
    ),
    ("/SamplingTargets", "GetSamplingTargets"),
    ("/ServiceGraph", "GetServiceGraph"),
    ("/StartTraceRetrieval", "StartTraceRetrieval"),
    ("/TagResource", "TagResource"),
    (
        "/TimeSeriesServiceStatistics",
        "GetTimeSeriesServiceStatistics",
    ),
    ("/TraceGraph", "GetTraceGraph"),
    ("/UntagResource", "UntagResource"),
    ("/UpdateGroup", "UpdateGroup"),
    ("/UpdateIndexingRule", "UpdateIndexingRule"),
    ("/UpdateSamplingRule", "UpdateSamplingRule"),
    (
        "/UpdateTraceSegmentDestination",
        "UpdateTraceSegmentDestination",
    ),
];

pub(crate) fn not_yet(operation: &str) -> ApiError {
    let message = format!(
        "{operation} is not supported yet by this version of xray-local; PutTraceSegments, \
         PutTelemetryRecords, BatchGetTraces and GetTraceSummaries are"
    );
    // 501 is not a status that SDKs retry.
    ApiError::new(
        StatusCode::NOT_IMPLEMENTED,
        "NotImplementedException",
        message,
    )
}
