//! The store through its public interface, each claim by itself.

#![allow(
    clippy::unwrap_used,
    reason = "a test's helpers may fail as the test itself"
)]

mod arrival_order;
mod compiling;
mod documents;
mod golden;
mod ingestion;
mod paging;
mod sharing;
mod summarizing;
