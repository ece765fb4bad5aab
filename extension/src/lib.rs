//! A Lambda extension that replaces the X-Ray daemon inside the sandbox.
//!
//! Documents pass through five stages, always in this order:
//! [`intake`] → [`policy`] → [`keep`] → `buffer` → [`export`]. [`telemetry`] turns platform
//! events into documents, which enter at `policy`. [`lifecycle`] calls Lambda's Extensions
//! API. [`flush`] alone decides when documents are sent and when `/next` is called.
//! [`Extension`] connects these parts. [`proxy`] is beside them: it forwards the requests of SDKs
//! with centralized sampling.
//!
//! Four rules hold everywhere:
//! - The function keeps working: after any failure the extension still calls `/next`.
//! - Memory is bounded in bytes, and the ledger of each sink balances:
//!   `received = sent + rejected + dropped + replaced + filtered + buffered`.
//! - Each flush ends a margin before the invocation's deadline.
//! - Neither documents nor credentials are logged.
//!
//! The program's binary and tests use this library; its interface may change in any version.

#![warn(missing_docs)]

mod buffer;
mod config;
pub mod export;
mod extension;
pub mod flush;
mod http_listener;
pub mod intake;
pub mod keep;
pub mod lifecycle;
mod log;
mod metrics;
mod pipeline;
pub mod policy;
pub mod proxy;
mod raw_document;
mod settings_file;
pub mod telemetry;

pub use config::{Config, SinkChoice, VARIABLES, Variable};
pub use extension::{Extension, UnreportedEnds};
pub use log::{Level, Log, LogLine, LogSettings, install_panic_hook};
pub use metrics::Metrics;
pub use pipeline::Pipeline;
