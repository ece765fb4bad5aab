use xray_document::{Timestamp, TraceId};
use xray_local_store::PageToken;

use crate::error::ApiError;

/// Digits of the time and of the trace id.
const TIME: usize = 16;
const ID: usize = 32;

/// A token as the caller gets it: opaque, and safe in a shell and in a URL.
pub(super) fn write(token: PageToken) -> String {
    format!("{:016x}{:032x}", token.time.as_micros(), token.id.as_u128())
}

pub(super) fn read(text: &str) -> Result<PageToken, ApiError> {
    parse(text)
        .ok_or_else(|| ApiError::invalid_request("NextToken is not one that this service gave"))
}

fn parse(text: &str) -> Option<PageToken> {
    if text.len() != TIME + ID || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let (time, id) = text.split_at(TIME);
    let time = u64::from_str_radix(time, 16).ok()?.cast_signed();
    let id = u128::from_str_radix(id, 16).ok()?;
    Some(PageToken {
        time: Timestamp::from_micros(time),
        id: TraceId::from_u128(id),
    })
}
