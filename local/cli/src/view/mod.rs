//! Traces as text for a terminal.

mod list;
mod node;
mod paint;
mod policy_effect;
mod time;
mod tree;

pub(crate) use list::list;
pub(crate) use paint::Paint;
pub(crate) use policy_effect::policy_effect;
pub(crate) use tree::tree;
