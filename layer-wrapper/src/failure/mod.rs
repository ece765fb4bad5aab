//! Converts errors and panics to X-Ray's exceptions.

mod capture_error;
mod cause;
mod chain;
mod redact;

pub(crate) use capture_error::Sealed;
pub use capture_error::{CaptureError, error};
pub(crate) use cause::{Cause, Exception};
pub(crate) use chain::Failure;
