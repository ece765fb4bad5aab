//! The last stage: sending what is buffered to every configured [`Sink`].
//!
//! Each sink has a folder here, and an [`Exporter`] with a buffer and an account of its
//! own, so that a slow sink does not hold back another. [`Exporters`] is all of them.

mod exporter;
mod exporters;
pub mod file;
mod sink;
pub mod xray;

pub use exporter::Exporter;
pub use exporters::Exporters;
pub use sink::{Fate, LeftOut, Outcome, SendFuture, Sink};
