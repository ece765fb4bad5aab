//! AWS X-Ray's document model: [segments and subsegments](Document), the
//! [trace header](TraceHeader), [ids](TraceId), the X-Ray daemon's [datagram](Datagram)
//! and the [limits].
//!
//! The crate does no I/O and has no async code. It reads the clock only in [`Timestamp::now`].
//!
//! - Reading is tolerant: a field of the wrong type is left out, an unknown field is ignored,
//!   and only what X-Ray itself rejects is an error.
//! - Writing is strict: [`Document::to_json`] makes names and annotation keys valid, and returns
//!   an error for a document that is too large.
//!
//! The rules come from the X-Ray Developer Guide ("segment documents" unless another chapter
//! is named), the X-Ray API reference, the AWS General Reference, and the source of the
//! daemon and of the official SDKs. Each item names its source. `docs/fidelity.md` in the
//! repository lists the choices that no public source confirms.
//!
//! ```
//! use xray_document::{Datagram, Document, Sampled, Segment, SegmentId, Timestamp, TraceHeader};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let header = TraceHeader::parse("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1");
//! assert_eq!(header.sampled, Sampled::Yes);
//!
//! let trace_id = header.root.ok_or("the header has no trace id")?;
//! let mut segment = Segment::new("orders", trace_id, SegmentId::random(), Timestamp::now());
//! segment.annotations.insert("tenant".to_owned(), "acme".into());
//! segment.end_time = Some(Timestamp::now());
//! let json = Document::Segment(Box::new(segment)).to_json()?;
//!
//! let mut datagram = Vec::new();
//! Datagram::Document(&json).write_to(&mut datagram);
//! # Ok(())
//! # }
//! ```

#![warn(missing_docs)]

mod annotations;
mod aws;
mod calendar;
mod cause;
mod datagram;
mod document;
mod error;
mod escape;
mod frame;
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
pub use escape::write_json_string;
pub use frame::{
    FrameTooLong, MAX_FRAME_BYTES, first_frame, frame_bytes, stream_name, write_frame,
};
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
