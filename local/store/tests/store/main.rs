//! Tests the store through its public interface.

#![allow(
    clippy::unwrap_used,
    reason = "a failing helper fails its test, as it should"
)]

mod arrival_order;
mod compiling;
mod documents;
mod golden;
mod ingestion;
mod opening;
mod paging;
mod permissions;
mod sharing;
mod summarizing;
