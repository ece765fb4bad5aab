//! What the platform reports: log lines, telemetry records and segments.

mod init;
mod log;
mod report;
mod segments;
pub(crate) mod telemetry;
mod trace;

pub(crate) use init::{Init, Phase};
pub(crate) use log::Log;
pub(crate) use report::{Report, log_status};
pub(crate) use segments::{Drawing, Invoked, Served, cause};
pub(crate) use trace::SampledTrace;
