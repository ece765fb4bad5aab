//! The API for subsegments: builder, guard, future and handle.

mod builder;
mod captured;
mod current;
mod guard;

pub use builder::{SubsegmentBuilder, subsegment};
pub use captured::Captured;
pub use current::{Current, current};
pub use guard::Subsegment;
