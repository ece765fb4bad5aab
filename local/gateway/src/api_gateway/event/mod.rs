//! The event that a function gets of a request (API Gateway Developer Guide, "Input format
//! of a Lambda function for proxy integration" and "payload format version").

mod body;
mod headers;
mod query;
mod v1;
mod v2;

use bytes::Bytes;

use super::request::Received;
use super::routing::{Match, PayloadFormat};
use super::stage::Stage;

/// The event's JSON.
pub(crate) fn payload(stage: &Stage, found: &Match<'_>, request: &Received) -> Bytes {
    let json = match found.routed.format {
        PayloadFormat::V1 => serde_json::to_vec(&v1::Event::new(stage, found, request)),
        PayloadFormat::V2 => serde_json::to_vec(&v2::Event::new(stage, found, request)),
    };
    // Strings, numbers and maps with string keys: nothing that JSON cannot hold.
    Bytes::from(json.unwrap_or_default())
}

/// The first label of the host, as `abcdefghij` of `abcdefghij.execute-api…`; of an address,
/// the address.
fn domain_prefix(host: &str) -> &str {
    let name = host.rsplit_once(':').map_or(host, |(name, _port)| name);
    let is_name = name.bytes().any(|byte| byte.is_ascii_alphabetic()) && !name.starts_with('[');
    if is_name {
        name.split('.').next().unwrap_or(name)
    } else {
        name
    }
}
