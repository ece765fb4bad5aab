//! The types of the store's interface: the query for summaries, and the results of all
//! calls. None depends on SQL, or on the HTTP protocol of the X-Ray API.

use std::collections::BTreeMap;

use xray_document::{AnnotationValue, Document, DocumentError, SegmentId, Timestamp, TraceId};

/// The result for one document: stored, or rejected for the given reason.
///
/// The code of the error is X-Ray's `ErrorCode` in `UnprocessedTraceSegments`.
pub type PutResult = Result<(), DocumentError>;

/// The [`detail`](DocumentError::detail) of the error for a document that would take its
/// trace over [`MAX_TRACE_BYTES`](xray_document::limits::MAX_TRACE_BYTES): X-Ray's own
/// message (aws-xray-sdk-python#309). The error's code is
/// [`InvalidSegment`](xray_document::ErrorCode::InvalidSegment).
pub const TRACE_SIZE_EXCEEDED: &str = "Trace Size Exceeded. Reduce the number of segments per \
     trace and the size of your segment documents.";

/// One compiled trace, as `BatchGetTraces` returns it (X-Ray API reference, `Trace`).
///
/// Independent subsegments are merged into their parents, and inferred segments are
/// appended (X-Ray Developer Guide, "inferred segments").
#[derive(Debug, Clone)]
pub struct Trace {
    /// The id that all documents of the trace have.
    pub id: TraceId,
    /// Seconds from the earliest start to the latest end of any segment or subsegment.
    pub duration: f64,
    /// `true` if a document was rejected because the trace reached
    /// [`MAX_TRACE_BYTES`](xray_document::limits::MAX_TRACE_BYTES).
    pub limit_exceeded: bool,
    /// Received segments, in order of their start; then inferred ones, in the same order.
    pub segments: Vec<TraceSegment>,
}

/// One document of a compiled trace (X-Ray API reference, `Segment`).
#[derive(Debug, Clone)]
pub struct TraceSegment {
    /// The id of the segment or subsegment.
    pub id: SegmentId,
    /// The compiled document. It is a [`Document::Subsegment`] if the parent of the
    /// subsegment has not arrived, or if it is nested too deep for JSON parsers; else it
    /// is a [`Document::Segment`].
    pub document: Document,
}

impl TraceSegment {
    /// Writes the compiled document as JSON.
    ///
    /// The result may be larger than
    /// [`MAX_DOCUMENT_BYTES`](xray_document::limits::MAX_DOCUMENT_BYTES): merged
    /// subsegments count only towards the size of the trace.
    pub fn json(&self) -> String {
        let json = match &self.document {
            Document::Segment(segment) => serde_json::to_string(segment),
            Document::Subsegment(subsegment) => serde_json::to_string(subsegment),
        };
        // Never fails: a document consists of strings, numbers and parsed JSON.
        json.unwrap_or_default()
    }
}

/// The summary of one trace, as `GetTraceSummaries` returns it.
///
/// Unless noted otherwise, each field follows the description of `TraceSummary` in the
/// X-Ray API reference. Inferred segments count only for
/// [`service_ids`](Self::service_ids).
#[derive(Debug, Clone)]
pub struct TraceSummary {
    /// The trace.
    pub id: TraceId,
    /// The earliest start of a segment; of a subsegment if no segment has arrived.
    pub start_time: Timestamp,
    /// Seconds, as [`Trace::duration`].
    pub duration: f64,
    /// Seconds from start to end of the root segment; `None` while it is in progress or
    /// has not arrived.
    ///
    /// The root segment is the earliest segment whose parent is not in the trace.
    pub response_time: Option<f64>,
    /// `true` if the root segment has `fault` (a 5xx response).
    pub has_fault: bool,
    /// `true` if the root segment has `error` (a 4xx response).
    pub has_error: bool,
    /// `true` if any segment has `throttle` (a 429 response).
    pub has_throttle: bool,
    /// `true` if documents are missing: a segment is in progress, a subsegment arrived
    /// without its segment, or a `traced` call has no segment of its callee. The last two
    /// conditions are our choice (`docs/fidelity.md`).
    pub is_partial: bool,
    /// The HTTP request and response of the root segment.
    pub http: SummaryHttp,
    /// For each annotation key, its distinct values. It has at most
    /// [`MAX_ANNOTATIONS_PER_TRACE`](xray_document::limits::MAX_ANNOTATIONS_PER_TRACE)
    /// keys, the first ones of the trace.
    pub annotations: BTreeMap<String, Vec<AnnotationWithServices>>,
    /// The distinct `user`s, each with the services whose segments name it.
    pub users: Vec<(String, Vec<ServiceId>)>,
    /// The nodes that the trace adds to the service graph.
    pub service_ids: Vec<ServiceId>,
    /// The distinct `resource_arn`s and `aws.function_arn`s.
    pub resource_arns: Vec<String>,
    /// The distinct `aws.ec2.instance_id`s.
    pub instance_ids: Vec<String>,
    /// The distinct `availability_zone`s in `aws.ec2` and `aws.ecs`.
    pub availability_zones: Vec<String>,
    /// The service of the root segment.
    pub entry_point: Option<ServiceId>,
    /// The number of documents stored for the trace so far, replaced ones included. It
    /// grows with each document.
    pub revision: u64,
    /// `true` if a function's environment started for this trace: a function's segment has
    /// a subsegment `Init` or `Initialization`, or an annotation `ColdStart` is true. X-Ray's
    /// `TraceSummary` has no such field.
    pub cold_start: bool,
}

/// The HTTP fields of a summary (X-Ray API reference, `Http`). A field is `None` if the
/// root segment does not have it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SummaryHttp {
    /// `http.request.url`.
    pub url: Option<String>,
    /// `http.response.status`.
    pub status: Option<i64>,
    /// `http.request.method`.
    pub method: Option<String>,
    /// `http.request.user_agent`.
    pub user_agent: Option<String>,
    /// `http.request.client_ip`.
    pub client_ip: Option<String>,
}

/// A value of an annotation and the services that recorded it (X-Ray API reference,
/// `ValueWithServiceIds`).
#[derive(Debug, Clone)]
pub struct AnnotationWithServices {
    /// The value: a string, a number or a boolean.
    pub value: AnnotationValue,
    /// The services whose segments or subsegments hold the annotation.
    pub service_ids: Vec<ServiceId>,
}

/// A node of the service graph, identified by name, account and type (X-Ray API
/// reference, `ServiceId`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServiceId {
    /// The segment's name. For an inferred AWS resource, the resource's name, such as the
    /// name of a table.
    pub name: String,
    /// All names of the service; today this is [`name`](Self::name) alone.
    pub names: Vec<String>,
    /// `aws.account_id` of the segment.
    pub account_id: Option<String>,
    /// X-Ray's `Type`: the segment's `origin`. An inferred segment without `origin` has
    /// `Database::SQL` or `remote` here; a received one has `None`.
    pub kind: Option<String>,
}

/// Selects one page of traces, newest first.
#[derive(Debug, Clone)]
pub struct SummaryQuery {
    /// The start of the time window, inclusive.
    pub start: Timestamp,
    /// The end of the time window, exclusive. A window that ends at or before its start
    /// matches no trace.
    pub end: Timestamp,
    /// The time of a trace that must be in the window.
    pub range: TimeRange,
    /// Maximum number of traces on a page; 0 counts as 1.
    pub limit: usize,
    /// [`SummaryPage::next`] of the page before; `None` for the first page.
    pub after: Option<PageToken>,
}

/// The time of a trace that a query compares with its window (X-Ray API reference,
/// `TimeRangeType` of `GetTraceSummaries`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimeRange {
    /// The time in the trace id. If the id holds no plausible time, as when it was made
    /// from a W3C id, the earliest start in the trace. If that is not plausible either,
    /// the arrival of the first document.
    #[default]
    TraceId,
    /// The trace was active in the window, or one of its documents arrived in it.
    Event,
    /// A segment ended in the window.
    Service,
}

/// The position of a page's last trace: the next page starts after it.
///
/// It stays valid when traces are added or removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageToken {
    /// The trace's time, as [`TimeRange::TraceId`] defines it.
    pub time: Timestamp,
    /// The trace.
    pub id: TraceId,
}

/// One page of summaries.
#[derive(Debug, Clone)]
pub struct SummaryPage {
    /// The summaries, newest trace first.
    pub summaries: Vec<TraceSummary>,
    /// The number of traces that the query examined for this page, including those that
    /// did not match.
    pub processed: u64,
    /// The token for the next page; `None` on the last page.
    pub next: Option<PageToken>,
}
