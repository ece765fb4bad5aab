use serde::{Deserialize, Serialize};
use xray_document::limits::MAX_TRACE_IDS_PER_BATCH_GET;
use xray_document::{SegmentId, TraceId};
use xray_local_store::{Store, Trace};

use crate::error::ApiError;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct BatchGetTraces {
    trace_ids: Option<Vec<String>>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct BatchGetTracesResult {
    traces: Vec<TraceBody>,
    unprocessed_trace_ids: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TraceBody {
    id: TraceId,
    duration: f64,
    limit_exceeded: bool,
    segments: Vec<SegmentBody>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SegmentBody {
    id: SegmentId,
    document: String,
}

/// The messages of both rejections are X-Ray's own (boto3#3924).
pub(crate) fn batch_get_traces(
    store: &Store,
    request: BatchGetTraces,
) -> Result<BatchGetTracesResult, ApiError> {
    let requested = request
        .trace_ids
        .ok_or_else(|| ApiError::missing("TraceIds"))?;
    if requested.len() > MAX_TRACE_IDS_PER_BATCH_GET {
        let message = format!("Exceeding maximum query size: {MAX_TRACE_IDS_PER_BATCH_GET}");
        return Err(ApiError::invalid_request(message));
    }
    if request.next_token.is_some() {
        return Err(ApiError::invalid_request(
            "NextToken is currently not supported",
        ));
    }
    let mut ids: Vec<TraceId> = Vec::new();
    for id in requested.iter().filter_map(|id| id.parse().ok()) {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    let traces = store.traces(&ids)?;
    let found = |id: &str| {
        id.parse()
            .is_ok_and(|id: TraceId| traces.iter().any(|t| t.id == id))
    };
    let unprocessed_trace_ids = requested.into_iter().filter(|id| !found(id)).collect();
    let traces = traces.iter().map(TraceBody::from).collect();
    Ok(BatchGetTracesResult {
        traces,
        unprocessed_trace_ids,
    })
}

impl From<&Trace> for TraceBody {
    fn from(trace: &Trace) -> Self {
        let segments = trace.segments.iter();
        let segments = segments.map(|segment| SegmentBody {
            id: segment.id,
            document: segment.json(),
        });
        let &Trace {
            id,
            duration,
            limit_exceeded,
            ..
        } = trace;
        Self {
            id,
            duration,
            limit_exceeded,
            segments: segments.collect(),
        }
    }
}
