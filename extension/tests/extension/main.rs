//! Tests of the extension's program with a scripted Lambda and a scripted X-Ray.

#![allow(clippy::unwrap_used, reason = "an unwrap in a test is an assertion")]

mod assumed_role;
mod bursts;
mod clock;
mod credentials;
mod endpoints;
mod faults;
mod filters;
mod freezing;
mod intake;
mod invocations;
mod lambda;
mod lifecycle;
mod managed_instances;
mod own_log;
mod platform;
mod sampling;
mod sandbox;
mod signature;
mod sinks;
mod strategies;
mod telemetry_listener;
mod tls;
mod versions;
mod xray;
