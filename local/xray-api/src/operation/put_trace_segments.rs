use serde::{Deserialize, Serialize};
use xray_document::{DocumentError, SegmentId};
use xray_local_store::{Store, TRACE_SIZE_EXCEEDED};

use crate::error::ApiError;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PutTraceSegments {
    trace_segment_documents: Option<Vec<String>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PutTraceSegmentsResult {
    unprocessed_trace_segments: Vec<UnprocessedTraceSegment>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct UnprocessedTraceSegment {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<SegmentId>,
    error_code: String,
    message: String,
}

/// The most documents of one request. Our choice, because the API's model has no limit: far
/// above the 50 that the X-Ray daemon sends. Each rejected document costs an entry of the
/// response, so millions of empty ones would take gigabytes.
const MAX_DOCUMENTS: usize = 1_000;

/// Accepts or rejects each document on its own: the status is 200 even if all are rejected.
pub(crate) fn put_trace_segments(
    store: &Store,
    request: PutTraceSegments,
) -> Result<PutTraceSegmentsResult, ApiError> {
    let documents = request
        .trace_segment_documents
        .ok_or_else(|| ApiError::missing("TraceSegmentDocuments"))?;
    if documents.len() > MAX_DOCUMENTS {
        let message = format!(
            "the request has {} documents; send at most {MAX_DOCUMENTS} at a time",
            documents.len()
        );
        return Err(ApiError::invalid_request(message));
    }
    let documents: Vec<&str> = documents.iter().map(String::as_str).collect();
    let results = store.put_json(&documents)?;
    let unprocessed = results
        .into_iter()
        .filter_map(Result::err)
        .map(unprocessed)
        .collect();
    Ok(PutTraceSegmentsResult {
        unprocessed_trace_segments: unprocessed,
    })
}

fn unprocessed(error: DocumentError) -> UnprocessedTraceSegment {
    let message = if error.detail == TRACE_SIZE_EXCEEDED {
        error.detail
    } else {
        error.to_string()
    };
    let error_code = format!("{:?}", error.code);
    UnprocessedTraceSegment {
        id: error.id,
        error_code,
        message,
    }
}
