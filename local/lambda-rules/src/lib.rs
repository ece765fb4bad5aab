//! Rules of AWS Lambda that several parts of `xray-local` apply, each in one place with its
//! source. The crate does no I/O and has no dependencies.

#![warn(missing_docs)]

mod arn;
mod function_name;
mod limits;
mod variables;

pub use arn::{function_arn, is_region_name, partition};
pub use function_name::{
    FunctionName, MAX_FUNCTION_NAME_CHARS, QualifierError, is_new_function_name,
};
pub use limits::{MAX_ASYNC_REQUEST_BYTES, MAX_REQUEST_BYTES, MAX_RESPONSE_BYTES};
pub use variables::{RESERVED_VARIABLES, is_reserved_variable};
