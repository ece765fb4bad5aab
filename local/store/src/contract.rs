//! What the store takes and gives. Times are [`Timestamp`]s, ids are typed; no SQL and no
//! HTTP in any signature.

use std::collections::BTreeMap;

use xray_document::{AnnotationValue, Document, DocumentError, SegmentId, Timestamp, TraceId};

/// One trace as `BatchGetTraces` gives it: compiled, independent subsegments merged under
/// their parents, inferred segments appended.
#[derive(Debug, Clone)]
pub struct Trace {
    pub id: TraceId,
    /// Latest end less earliest start, seconds.
    pub duration: f64,
    pub limit_exceeded: bool,
    pub segments: Vec<TraceSegment>,
}

#[derive(Debug, Clone)]
pub struct TraceSegment {
    pub id: SegmentId,
    /// The compiled document: always [`Document::Segment`], but for a subsegment whose
    /// segment has not arrived, which stays [`Document::Subsegment`].
    pub document: Document,
}

impl TraceSegment {
    /// The compiled document as `BatchGetTraces` gives it. It may be larger than a
    /// document that X-Ray takes: merged subsegments count towards the trace only.
    pub fn json(&self) -> String {
        let json = match &self.document {
            Document::Segment(segment) => serde_json::to_string(segment),
            Document::Subsegment(subsegment) => serde_json::to_string(subsegment),
        };
        // A document is made of strings, numbers and JSON that was parsed: it can be written.
        json.unwrap_or_default()
    }
}

/// One trace as `GetTraceSummaries` gives it.
#[derive(Debug, Clone)]
pub struct TraceSummary {
    pub id: TraceId,
    pub start_time: Timestamp,
    pub duration: f64,
    pub response_time: Option<f64>,
    pub has_fault: bool,
    pub has_error: bool,
    pub has_throttle: bool,
    pub is_partial: bool,
    pub http: SummaryHttp,
    pub annotations: BTreeMap<String, Vec<AnnotationWithServices>>,
    pub users: Vec<(String, Vec<ServiceId>)>,
    pub service_ids: Vec<ServiceId>,
    pub resource_arns: Vec<String>,
    pub instance_ids: Vec<String>,
    pub availability_zones: Vec<String>,
    pub entry_point: Option<ServiceId>,
    pub revision: u64,
    /// Whether a function of the trace was started for it (its segment holds `Init`,
    /// `Initialization` or a `ColdStart` annotation that is true).
    pub cold_start: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SummaryHttp {
    pub url: Option<String>,
    pub status: Option<i64>,
    pub method: Option<String>,
    pub user_agent: Option<String>,
    pub client_ip: Option<String>,
}

#[derive(Debug, Clone)]
pub struct AnnotationWithServices {
    pub value: AnnotationValue,
    pub service_ids: Vec<ServiceId>,
}

/// A node of the service graph: name, type and account identify it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServiceId {
    pub name: String,
    pub names: Vec<String>,
    pub account_id: Option<String>,
    /// The origin, `AWS::X` of an inferred AWS service, `remote`, `client`.
    pub kind: Option<String>,
}

/// Which traces are wanted, newest first.
#[derive(Debug, Clone)]
pub struct SummaryQuery {
    pub start: Timestamp,
    /// Exclusive.
    pub end: Timestamp,
    pub range: TimeRange,
    /// Traces on a page, at most.
    pub limit: usize,
    /// From [`SummaryPage::next`].
    pub after: Option<PageToken>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimeRange {
    /// The time in the trace's id, or, where that is none, its earliest start; where that
    /// cannot be one, when its first document came.
    #[default]
    TraceId,
    /// The trace was active in the window, or a document of it came.
    Event,
    /// A segment ended in the window.
    Service,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageToken {
    pub time: Timestamp,
    pub id: TraceId,
}

#[derive(Debug, Clone)]
pub struct SummaryPage {
    pub summaries: Vec<TraceSummary>,
    /// Traces looked at, those that did not match included.
    pub processed: u64,
    pub next: Option<PageToken>,
}

/// What X-Ray says of a document that would take its trace over the limit
/// (aws-xray-sdk-python#309); [`DocumentError::detail`] holds it.
pub const TRACE_SIZE_EXCEEDED: &str = "Trace Size Exceeded. Reduce the number of segments per \
     trace and the size of your segment documents.";

/// Whether a document was taken.
pub type PutResult = Result<(), DocumentError>;
