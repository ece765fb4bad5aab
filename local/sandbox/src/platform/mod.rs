//! What the platform reports: log lines, telemetry records and segments.

mod log;
mod report;
mod segments;
pub(crate) mod telemetry;

pub(crate) use log::Log;
pub(crate) use report::{Report, log_status};
pub(crate) use segments::{Drawing, Invoked, Served, cause};
