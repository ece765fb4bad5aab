//! The three HTTP APIs of one environment.

mod extensions;
mod payload;
mod router;
mod runtime;
mod telemetry;

pub(crate) use router::router;
