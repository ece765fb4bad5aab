//! The names of the intrinsic functions.
//!
//! CloudFormation Template Reference, "Intrinsic functions".

use crate::error::Problem;
use crate::place::Place;
use crate::suggest::did_you_mean;

/// The long names. The short tag is `!` and the name without `Fn::`.
pub(crate) const INTRINSIC_FUNCTIONS: [&str; 22] = [
    "Ref",
    "Condition",
    "Fn::And",
    "Fn::Base64",
    "Fn::Cidr",
    "Fn::Contains",
    "Fn::Equals",
    "Fn::FindInMap",
    "Fn::ForEach",
    "Fn::GetAtt",
    "Fn::GetAZs",
    "Fn::If",
    "Fn::ImportValue",
    "Fn::Join",
    "Fn::Length",
    "Fn::Not",
    "Fn::Or",
    "Fn::Select",
    "Fn::Split",
    "Fn::Sub",
    "Fn::ToJsonString",
    "Fn::Transform",
];

/// The error for an unknown function.
pub(crate) fn unknown_intrinsic(name: &str, place: Place) -> Problem {
    let hint = did_you_mean(name, INTRINSIC_FUNCTIONS);
    Problem::new(
        place,
        format!("'{name}' is not an intrinsic function{hint}"),
    )
}
