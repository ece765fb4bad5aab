//! What a subsegment holds while it is open, and how it is written.

mod details;
pub(crate) mod json;
mod write;

#[cfg(feature = "aws-sdk")]
pub(crate) use details::AwsValue;
#[cfg(any(feature = "aws-sdk", feature = "http-client", feature = "reqwest"))]
pub(crate) use details::Http;
pub(crate) use details::{Details, Metadata};
pub(crate) use write::{fragment_within, in_progress};

/// The metadata namespace for what is recorded without one (X-Ray Developer Guide:
/// the SDKs' default).
pub(crate) const DEFAULT_NAMESPACE: &str = "default";

/// The metadata namespace for this crate's own marks: `cancelled`, `late`, `truncated`.
pub(crate) const OWN_NAMESPACE: &str = "xray_lambda";
