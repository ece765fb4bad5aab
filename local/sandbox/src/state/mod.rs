//! The state of one environment: what its processes are doing, as the APIs and the
//! process watchers report it.

mod extension;
mod failure;
mod machine;
mod request;
mod shared;
#[cfg(test)]
mod tests;

pub(crate) use extension::{Event, Events, ExtensionState, ShutdownReason};
pub(crate) use failure::Failure;
pub(crate) use machine::{MAX_EXTENSIONS, Runtime, Stage, State};
pub(crate) use request::{Answer, Refusal, Request};
pub(crate) use shared::SharedState;
