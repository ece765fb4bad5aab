//! The API as an HTTP client sees it, and the daemon as a datagram's sender does.

#![allow(
    clippy::unwrap_used,
    reason = "a test's helpers may fail as the test itself"
)]

mod client;
mod daemon;
mod host_check;
mod protocol;
mod reading;
mod writing;
