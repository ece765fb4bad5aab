//! The contents of a subsegment, and their JSON.

mod details;
pub(crate) mod json;
mod metadata;
mod write;

#[cfg(feature = "aws-sdk")]
pub(crate) use details::AwsValue;
pub(crate) use details::Details;
#[cfg(any(feature = "aws-sdk", feature = "http-client", feature = "reqwest"))]
pub(crate) use details::Http;
pub(crate) use metadata::{DEFAULT_NAMESPACE, Metadata};
pub(crate) use write::{fragment_within, in_progress};
