use xray_document::{Timestamp, TraceId};
use xray_local_store::PageToken;

use crate::error::ApiError;

/// Hexadecimal digits of the time.
const TIME_DIGITS: usize = 16;

/// Hexadecimal digits of the trace id.
const ID_DIGITS: usize = 32;

/// The text of a token. It consists of hexadecimal digits only, so it needs no quotes in a
/// shell and no escapes in a URL.
pub(super) fn write(token: PageToken) -> String {
    format!("{:016x}{:032x}", token.time.as_micros(), token.id.as_u128())
}

pub(super) fn read(text: &str) -> Result<PageToken, ApiError> {
    parse(text).ok_or_else(|| {
        ApiError::invalid_request(
            "NextToken is invalid: send the NextToken of the previous page, or none",
        )
    })
}

fn parse(text: &str) -> Option<PageToken> {
    if text.len() != TIME_DIGITS + ID_DIGITS || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let (time, id) = text.split_at(TIME_DIGITS);
    let time = u64::from_str_radix(time, 16).ok()?.cast_signed();
    let id = u128::from_str_radix(id, 16).ok()?;
    Some(PageToken {
        time: Timestamp::from_micros(time),
        id: TraceId::from_u128(id),
    })
}
