//! The three HTTP APIs of one environment: Runtime, Extensions, Telemetry.

mod body;
mod context;
mod extensions;
mod guard;
mod response;
mod router;
mod runtime;
mod telemetry;

pub(crate) use context::ApiContext;
pub(crate) use router::router;
