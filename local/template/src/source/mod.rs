//! The template's text as a tree in which every value knows its place.

mod node;
mod reader;

pub(crate) use node::{Entry, Mapping, Node, Place, Value};
pub(crate) use reader::read;
