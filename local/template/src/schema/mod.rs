//! The names that CloudFormation and SAM know: resource types and their properties.

mod properties;
mod resource_type;

pub(crate) use properties::{check_properties, known_properties};
pub(crate) use resource_type::check_resource_type;
