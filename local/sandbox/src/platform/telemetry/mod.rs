//! The Telemetry API's subscribers, and the delivery of events to them (Lambda Developer
//! Guide, "Using the Lambda Telemetry API").

mod client;
mod delivery;
mod entry;
mod queue;
mod subscribers;
mod subscription;

pub(super) use subscribers::Telemetry;
pub(crate) use subscription::Subscription;
