//! A Lambda extension that takes the X-Ray daemon's place inside the sandbox.
//!
//! Data moves one way: [`intake`] and [`telemetry`] take documents in, [`batch`] keeps
//! and counts them, [`export`] sends them to X-Ray. [`lifecycle`] speaks to Lambda's
//! Extensions API, and [`flush`] alone decides when to send and when to ask Lambda for
//! the next event. [`Extension`] carries the words between the rooms.
//!
//! The rules that every room keeps:
//! - The function is never hurt: whatever fails, `/next` is called again.
//! - Memory is bounded in bytes, and `received = sent + rejected + dropped + replaced +
//!   buffered`.
//! - Nothing outlives the invocation's deadline less a margin.
//! - Neither documents nor credentials are ever logged.

pub mod batch;
mod config;
pub mod export;
mod extension;
pub mod flush;
pub mod intake;
pub mod lifecycle;
mod log;
pub mod telemetry;

pub use config::{Config, VARIABLES, Variable};
pub use extension::Extension;
pub use log::{Log, keep_panics_short};
