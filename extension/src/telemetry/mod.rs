//! Lambda's Telemetry API: receives platform events about inits, invocations and restores, and
//! turns them into documents.

mod invocation;
mod listener;
mod outcome;
mod platform_event;
mod platform_recorder;
mod startup;
mod subscription;

pub use outcome::{InvocationOutcome, Recorded};
pub(crate) use platform_event::PlatformEvent;
pub use platform_recorder::PlatformRecorder;
pub use subscription::{Subscription, subscribe};
