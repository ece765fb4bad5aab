//! Decides when to send documents and when to call `/next`.
//!
//! Between the function's response and this extension's `/next`, each millisecond is billed and
//! delays the environment's next invocation. After `/next` the sandbox may freeze at any time.
//! [`FlushControl`] only decides: times and events are its input, actions its output.

mod action;
mod flush_control;
mod input;
mod limits;
mod state;
mod strategy;
mod traffic;

pub(crate) use action::Action;
pub use flush_control::FlushControl;
pub(crate) use input::Input;
pub use limits::Limits;
pub(crate) use state::State;
pub use strategy::Strategy;
