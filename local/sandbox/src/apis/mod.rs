//! The three HTTP APIs of one environment.

mod context;
mod extensions;
mod payload;
mod response;
mod router;
mod runtime;
mod telemetry;

pub(crate) use context::ApiContext;
pub(crate) use router::router;
