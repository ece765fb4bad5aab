//! Lambda's Telemetry API: what the platform says of init, invocations and restores,
//! and the subsegments that are made of it.

mod event;
mod invocation;
mod listener;
mod platform;
mod startup;
mod subscription;

pub use event::{Event, Init, Report, Span, Status, Tracing};
pub use listener::{Batch, Listener};
pub use platform::Platform;
pub use subscription::subscribe;
