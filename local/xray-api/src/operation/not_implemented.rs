use axum::http::StatusCode;

use super::table::answered_names;
use crate::error::ApiError;

/// The error for an operation without a handler.
pub(crate) fn not_implemented(operation: &str) -> ApiError {
    let message = format!(
        "{operation} is not supported yet by this version of xray-local; {} are",
        enumerate(&answered_names())
    );
    // SDKs do not retry 501.
    ApiError::new(
        StatusCode::NOT_IMPLEMENTED,
        "NotImplementedException",
        message,
    )
}

/// `A, B and C`.
fn enumerate(names: &[&str]) -> String {
    match names {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        _ => names.concat(),
    }
}
