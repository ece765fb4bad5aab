//! When to send, and when to ask Lambda for the next event.
//!
//! Between the function's response and this extension's `/next` every millisecond is
//! billed and keeps the environment from its next invocation. After `/next` the sandbox may
//! freeze at any moment. [`FlushControl`] decides and does nothing else: time and events are
//! its input, [`Action`]s its output.

mod action;
mod flush_control;
mod input;
mod limits;
mod state;

pub(crate) use action::Action;
pub use flush_control::FlushControl;
pub(crate) use input::Input;
pub use limits::Limits;
pub(crate) use state::State;
