//! The template's text as a tree of values, each with its place.

mod intrinsic;
mod node;
mod reader;

pub(crate) use intrinsic::{INTRINSIC_FUNCTIONS, unknown_intrinsic};
pub(crate) use node::{Entry, Mapping, Node, Value};
pub(crate) use reader::read;
