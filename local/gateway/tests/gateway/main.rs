//! The gateway and the `Invoke` API in front of a function that is a closure.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on stops where it is"
)]

mod arbitrary;
mod host_check;
mod http_api_events;
mod invoke_api;
mod responses;
mod rest_events;
mod support;
mod tracing;
