//! Lambda's execution environment on one machine.
//!
//! [`Sandbox`] runs functions and extensions as processes and serves them Lambda's Runtime,
//! Extensions and Telemetry APIs. Each concurrent request has its own environment, which is
//! frozen between invocations. A [`SegmentSink`] receives the segments that Lambda itself
//! sends to X-Ray, a [`LogSink`] the function's log.
//!
//! The modules, each of which uses only those before it:
//!
//! - `process`: the processes of an environment and their supervisor: start, output, signals, end.
//! - `state`: the state machine of one environment.
//! - `platform`: the facts that Lambda reports, as log lines, telemetry and segments.
//! - `apis`: the three HTTP APIs.
//! - `environment`: one environment: init, freeze, thaw, shutdown.
//! - `invocation`: one request from its arrival to REPORT, and the pool of environments.
//!
//! After a timeout or a crash the next request starts a new environment; Lambda would reset
//! the old one. `docs/fidelity.md` lists every such difference.

#![warn(missing_docs)]

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
pub use process::{SupervisorCommand, supervise, supervise_if_asked};
pub use sandbox::Sandbox;
