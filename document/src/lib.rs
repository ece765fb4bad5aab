//! AWS X-Ray's document model: [segments and subsegments](Document), the
//! [trace header](TraceHeader), [ids](TraceId), the daemon's [datagram](Datagram)
//! and the [limits](limits).
//!
//! No I/O, no async, no clock but [`Timestamp::now`]. Reading is tolerant: a
//! field of the wrong shape is left out, an unknown one is ignored, and only what
//! X-Ray itself would refuse is an error. Writing is strict: a document written
//! here fits the schema and the limits.

mod annotations;
mod aws;
mod calendar;
mod cause;
mod datagram;
mod document;
mod error;
mod head;
mod header;
mod http;
mod ids;
pub mod limits;
mod link;
mod name;
mod segment;
mod service;
mod sql;
mod timestamp;
mod tolerant;

pub use annotations::{AnnotationValue, Annotations, is_annotation_key};
pub use aws::Aws;
pub use calendar::UtcTime;
pub use cause::{Cause, Exception, Exceptions, StackFrame};
pub use datagram::{DATAGRAM_HEADER, Datagram, DatagramError};
pub use document::Document;
pub use error::{DocumentError, ErrorCode};
pub use head::DocumentHead;
pub use header::{Sampled, TRACE_HEADER, TraceHeader};
pub use http::{Http, HttpRequest, HttpResponse};
pub use ids::{IdError, SegmentId, TraceId};
pub use link::Link;
pub use name::sanitize_name;
pub use segment::{Metadata, Namespace, Segment, Subsegment};
pub use service::Service;
pub use sql::Sql;
pub use timestamp::Timestamp;
