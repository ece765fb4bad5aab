use std::fmt;

use axum::body::{Body, Bytes};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

/// Reads a whole request body.
///
/// # Errors
/// [`BodyError::TooLarge`] beyond `max_bytes`; the rest is not read.
/// [`BodyError::Incomplete`] if the client stopped sending.
pub async fn read_body(body: Body, max_bytes: usize) -> Result<Bytes, BodyError> {
    match Limited::new(body, max_bytes).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(BodyError::TooLarge),
        Err(error) => Err(BodyError::Incomplete(error.to_string())),
    }
}

/// A body that was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyError {
    /// It has more bytes than allowed.
    TooLarge,
    /// It ended early or took too long, with the reason.
    Incomplete(String),
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => f.write_str("the request's body is too large"),
            Self::Incomplete(reason) => {
                write!(f, "the request's body did not arrive completely: {reason}")
            }
        }
    }
}

impl std::error::Error for BodyError {}
