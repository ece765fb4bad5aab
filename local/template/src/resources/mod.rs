//! Evaluates the resources that run locally: functions, APIs, tables and layers.

mod api;
mod cors;
mod event;
mod function;
mod layer;
mod properties;
mod table;

pub(crate) use api::{api, implicit_apis};
pub(crate) use function::function;
pub(crate) use layer::layer;
pub(crate) use table::table;
