//! Tests of the API through HTTP requests, and of the daemon through datagrams.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test may panic, as the test itself"
)]

mod client;
mod daemon;
mod host_check;
mod protocol;
mod reading;
mod writing;
