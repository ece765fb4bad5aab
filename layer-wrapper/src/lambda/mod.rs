//! The layer around the handler: one subsegment for each invocation, the parent of all
//! others.

mod cold_start;
mod config;
mod future;
mod layer;
mod scope;
mod service;

pub use future::XRayFuture;
pub use layer::XRayLayer;
pub use service::XRayService;
