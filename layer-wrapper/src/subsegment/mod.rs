//! Subsegments: begun by name, annotated, and closed exactly once.

mod builder;
mod captured;
mod current;
mod guard;

pub use builder::{SubsegmentBuilder, subsegment};
pub use captured::Captured;
pub use current::{Current, current};
pub use guard::Subsegment;
