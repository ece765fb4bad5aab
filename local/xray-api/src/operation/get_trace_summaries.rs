use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use xray_document::Timestamp;
use xray_local_store::{Store, SummaryQuery, TimeRange, TraceSummary};

use super::page_token;
use super::trace_summary::SummaryBody;
use crate::error::ApiError;
use crate::time::RequestTime;

/// The most traces on a page. Our choice, because the API's model has no number.
const PAGE_TRACES: usize = 100;

/// The longest time between `StartTime` and `EndTime` (X-Ray Developer Guide).
const MAX_WINDOW_SECONDS: u64 = 6 * 60 * 60;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetTraceSummaries {
    start_time: Option<RequestTime>,
    end_time: Option<RequestTime>,
    time_range_type: Option<String>,
    filter_expression: Option<String>,
    next_token: Option<String>,
    /// `true` lets X-Ray return only some of the traces. This service always returns all.
    #[serde(rename = "Sampling")]
    _sampling: Option<bool>,
    #[serde(rename = "SamplingStrategy")]
    _sampling_strategy: Option<Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetTraceSummariesResult {
    #[serde(serialize_with = "as_bodies")]
    trace_summaries: Vec<TraceSummary>,
    approximate_time: Timestamp,
    traces_processed_count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

fn as_bodies<S: Serializer>(summaries: &[TraceSummary], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(summaries.iter().map(SummaryBody::from))
}

pub(crate) fn get_trace_summaries(
    store: &Store,
    request: GetTraceSummaries,
) -> Result<GetTraceSummariesResult, ApiError> {
    let query = query(&request)?;
    let page = store.summaries(&query)?;
    // "The start time of this page of results" (API reference): its oldest trace, or on
    // the last page the start of the window.
    let approximate_time = page.next.map_or(query.start, |next| next.time);
    Ok(GetTraceSummariesResult {
        trace_summaries: page.summaries,
        approximate_time,
        traces_processed_count: page.processed,
        next_token: page.next.map(page_token::write),
    })
}

fn query(request: &GetTraceSummaries) -> Result<SummaryQuery, ApiError> {
    let RequestTime(start) = request
        .start_time
        .ok_or_else(|| ApiError::missing("StartTime"))?;
    let RequestTime(end) = request
        .end_time
        .ok_or_else(|| ApiError::missing("EndTime"))?;
    if start > end {
        return Err(ApiError::invalid_request("StartTime is later than EndTime"));
    }
    if end.since(start).as_secs_f64() > MAX_WINDOW_SECONDS as f64 {
        return Err(ApiError::invalid_request(
            "Time range cannot be longer than 6 hours",
        ));
    }
    if request
        .filter_expression
        .as_ref()
        .is_some_and(|filter| !filter.trim().is_empty())
    {
        return Err(ApiError::invalid_request(
            "filter expressions are not supported yet by this version of xray-local: \
             leave FilterExpression out",
        ));
    }
    let range = match request.time_range_type.as_deref() {
        None | Some("TraceId") => TimeRange::TraceId,
        Some("Event") => TimeRange::Event,
        Some("Service") => TimeRange::Service,
        Some(other) => {
            let message = format!("TimeRangeType {other} is not one of TraceId, Event, Service");
            return Err(ApiError::invalid_request(message));
        }
    };
    let after = request
        .next_token
        .as_deref()
        .map(page_token::read)
        .transpose()?;
    Ok(SummaryQuery {
        start,
        end,
        range,
        limit: PAGE_TRACES,
        after,
    })
}
