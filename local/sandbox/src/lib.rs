//! Lambda's execution environment on one machine.
//!
//! [`Sandbox`] runs functions and extensions as processes and answers them as Lambda
//! does: Runtime API, Extensions API, Telemetry API, one environment per concurrent
//! request, frozen between invocations. What the platform itself would draw goes to a
//! [`SegmentSink`], what it would log to a [`LogSink`].

mod contract;

pub use contract::*;
