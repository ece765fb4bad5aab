//! Records `tracing` spans as subsegments.

pub(crate) mod entered;
mod layer;
mod visit;

pub use layer::{TracingLayer, tracing_layer};
