//! Reports what Lambda's platform itself does: log lines, telemetry records, X-Ray segments.
//!
//! Everything that happens is one [`PlatformEvent`], emitted once through [`Reporter::emit`].
//! Three pure functions derive from it:
//! - [`log_lines`](log_lines::log_lines): the lines of the function's log;
//! - [`telemetry_record`](telemetry_record::telemetry_record): the record of the Telemetry API;
//! - [`segment`](segment::segment): the X-Ray document.

mod category;
mod cause;
mod event;
mod init;
mod log;
mod log_lines;
mod metrics;
mod progress;
mod reporter;
mod segment;
mod span;
mod status;
mod telemetry;
mod telemetry_record;
#[cfg(test)]
mod tests;
mod trace;

pub(crate) use event::{ExtensionReport, InvocationReport, PlatformEvent, ReceivedRequest};
pub(crate) use init::{InitPhase, InitReport};
pub(crate) use progress::Progress;
pub(crate) use reporter::Reporter;
pub(crate) use telemetry::Subscription;
pub(crate) use trace::SampledTrace;
