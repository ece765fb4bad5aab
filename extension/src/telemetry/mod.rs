//! Lambda's Telemetry API: what the platform says of init, invocations and restores,
//! and the subsegments that are made of it.

mod event;
mod invocation;
mod listener;
mod platform;
mod startup;
mod subscription;

pub(crate) use event::Event;
pub use listener::Events;
pub(crate) use listener::Listener;
pub use platform::Platform;
pub use subscription::subscribe;
