//! The state of one environment: how far its runtime, its extensions and the current request
//! are. The APIs and the process watchers report each change.

mod extension;
mod failure;
mod machine;
mod request;
mod shared;
#[cfg(test)]
mod tests;

pub(crate) use extension::{ExtensionEvent, ExtensionState, RegisteredEvents, ShutdownReason};
pub(crate) use failure::Failure;
pub(crate) use machine::{MAX_EXTENSIONS, RuntimeState, Stage, State};
pub(crate) use request::{Rejection, Request, RuntimeResponse};
pub(crate) use shared::SharedState;
