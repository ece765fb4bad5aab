//! The resource types of CloudFormation and SAM, and the properties of those that run locally.

mod properties;
mod resource_type;

pub(crate) use properties::{check_properties, known_properties};
pub(crate) use resource_type::check_resource_type;
