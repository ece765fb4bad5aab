//! Traces as text for a terminal.

mod list;
mod node;
mod paint;
mod time;
mod tree;

pub(crate) use list::list;
pub(crate) use paint::Paint;
pub(crate) use tree::tree;
