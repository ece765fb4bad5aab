//! From the resources of a template to what a desk runs.

mod api;
mod event;
mod function;
mod layer;
mod properties;
mod table;

pub(crate) use api::{apis, implicit_apis};
pub(crate) use function::function;
pub(crate) use layer::layer;
pub(crate) use table::table;
