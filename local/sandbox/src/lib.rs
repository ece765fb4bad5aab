//! Lambda's execution environment on one machine.
//!
//! [`Sandbox`] runs functions and extensions as processes and answers them as Lambda
//! does: Runtime API, Extensions API, Telemetry API, one environment per concurrent
//! request, frozen between invocations. What the platform itself would draw goes to a
//! [`SegmentSink`], what it would log to a [`LogSink`].
//!
//! A request's way: [`Sandbox::invoke`] leases an environment from the function's
//! `pool`, `call` drives it from START to REPORT, and `environment` knows what its
//! processes are doing from what they tell the APIs. After a timeout or a crash the
//! next request gets a new environment, where Lambda would reset the old one.

mod apis;
mod clock;
mod context;
mod contract;
mod environment;
mod invocation;
mod platform;
mod process;
mod sandbox;
mod state;

pub use contract::*;
pub use sandbox::Sandbox;
