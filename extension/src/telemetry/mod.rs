//! Lambda's Telemetry API: what the platform says of init, invocations and restores,
//! and the subsegments that are made of it.

mod invocation;
mod listener;
mod platform_event;
mod platform_recorder;
mod startup;
mod subscription;

pub(crate) use platform_event::PlatformEvent;
pub use platform_recorder::PlatformRecorder;
pub use subscription::{Subscription, subscribe};
