use axum::http::StatusCode;

use super::table::implemented_names;
use crate::error::ApiError;

/// The error for an operation without a handler.
pub(crate) fn not_implemented(operation: &str) -> ApiError {
    let message = format!(
        "{operation} is not implemented by this version of xray-local; implemented: {}",
        join_with_and(&implemented_names())
    );
    // SDKs do not retry 501.
    ApiError::new(
        StatusCode::NOT_IMPLEMENTED,
        "NotImplementedException",
        message,
    )
}

/// `A, B and C`.
fn join_with_and(names: &[&str]) -> String {
    match names {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        _ => names.concat(),
    }
}
