//! The event that a function receives for a request (API Gateway Developer Guide, "Input
//! format of a Lambda function for proxy integration" and "payload format version").

mod body;
mod domain;
mod headers;
mod query;
mod v1;
mod v2;

use bytes::Bytes;

use super::request::ReceivedRequest;
use super::routing::{PayloadFormat, RouteMatch};
use super::stage::Stage;

/// The event as JSON.
pub(crate) fn payload(stage: &Stage, matched: &RouteMatch<'_>, request: &ReceivedRequest) -> Bytes {
    let json = match matched.route.format {
        PayloadFormat::V1 => serde_json::to_vec(&v1::Event::new(stage, matched, request)),
        PayloadFormat::V2 => serde_json::to_vec(&v2::Event::new(stage, matched, request)),
    };
    // Never an error: the events have strings, numbers and maps with string keys.
    Bytes::from(json.unwrap_or_default())
}
