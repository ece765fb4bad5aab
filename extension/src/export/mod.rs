//! The last stage: sends buffered documents to each configured [`Sink`].
//!
//! Each sink has a folder here, and an [`Exporter`] with its own buffer and ledger, so a slow
//! sink does not delay the others. [`Exporters`] holds all of them.

mod breaker;
mod exporter;
mod exporters;
pub mod file;
pub mod relay;
mod sink;
pub mod xray;

pub use crate::buffer::Counts;
pub use exporter::Exporter;
pub use exporters::Exporters;
pub use sink::{Failure, Fate, LeftOut, Outcome, SendFuture, Sink};
