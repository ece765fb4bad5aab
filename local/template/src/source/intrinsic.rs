//! The names of the intrinsic functions.

use crate::error::Problem;
use crate::place::Place;
use crate::suggest::did_you_mean;

/// Long names; the short tag is the same without `Fn::`.
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

/// The error for a function name that CloudFormation does not have.
pub(crate) fn unknown_intrinsic(name: &str, place: Place) -> Problem {
    let hint = did_you_mean(name, INTRINSIC_FUNCTIONS);
    Problem::new(
        place,
        format!("there is no intrinsic function '{name}'{hint}"),
    )
}
