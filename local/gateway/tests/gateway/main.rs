//! The gateway and the `Invoke` API in front of a closure that stands in for the function.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod arbitrary;
mod cors;
mod foreign_callers;
mod http_api_events;
mod invoke_api;
mod responses;
mod rest_events;
mod support;
mod tracing;
