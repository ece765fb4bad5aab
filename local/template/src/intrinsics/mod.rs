//! CloudFormation's intrinsic functions.

mod attribute;
mod check;
mod condition;
mod evaluate;
mod list;
mod physical_name;
mod reference;
mod scope;
mod substitution;

pub(crate) use check::check_references;
pub(crate) use scope::{Resource, Scope};
