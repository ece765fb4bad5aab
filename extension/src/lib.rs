//! A Lambda extension that takes the X-Ray daemon's place inside the sandbox.
//!
//! Documents move one way through a line of stages:
//! [`intake`] → [`policy`] → [`keep`] → [`buffer`] → [`export`]. [`telemetry`] adds documents
//! of its own to that line, made from the platform's events. [`lifecycle`] speaks to Lambda's
//! Extensions API, and [`flush`] alone decides when to send and when to ask Lambda for the
//! next event. [`Extension`] connects the parts.
//!
//! Every part keeps these rules:
//! - The function is never hurt: whatever fails, the extension calls `/next` again.
//! - Memory is bounded in bytes, and each sink's account adds up:
//!   `received = sent + rejected + dropped + replaced + filtered + buffered`.
//! - Nothing outlives the invocation's deadline less a margin.
//! - Neither documents nor credentials are ever logged.

mod buffer;
mod config;
pub mod export;
mod extension;
pub mod flush;
pub mod intake;
pub mod keep;
pub mod lifecycle;
mod log;
mod pipeline;
pub mod policy;
mod raw_document;
pub mod telemetry;

pub use config::{Config, SinkChoice, VARIABLES, Variable};
pub use extension::Extension;
pub use log::{Log, install_panic_hook};
pub use pipeline::Pipeline;
