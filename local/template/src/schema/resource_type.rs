//! The resource types of CloudFormation and SAM.

use crate::error::Problem;
use crate::place::Place;
use crate::suggest::{did_you_mean, nearest, one_of};

/// One line for each service: `Service: Type Type …`.
static TYPES: &str = include_str!("resource-types.txt");

/// Rejects a type that does not exist.
///
/// A type of AWS that resembles no known one is accepted: AWS adds new types every week.
pub(crate) fn check_resource_type(
    id: &str,
    resource_type: &str,
    place: Place,
) -> Result<(), Problem> {
    let parts: Vec<&str> = resource_type.split("::").collect();
    let checked = match parts.as_slice() {
        ["AWS", service, name] => check_aws_type(resource_type, service, name),
        // Types of other owners in the CloudFormation registry, modules and custom resources.
        [owner, _, _, ..] if *owner != "AWS" => Ok(()),
        ["AWS", _, _, "MODULE"] | ["Custom", _] => Ok(()),
        _ => Err(format!(
            "'{resource_type}' is not a resource type of the form AWS::Service::Resource{}",
            hint_for_whole_name(resource_type)
        )),
    };
    checked.map_err(|message| Problem::new(place, message).about(id))
}

fn check_aws_type(resource_type: &str, service: &str, name: &str) -> Result<(), String> {
    let Some((_, names)) = services().find(|(known, _)| *known == service) else {
        let hint = hint_for_service(resource_type, name);
        return if hint.is_empty() {
            Ok(())
        } else {
            Err(format!("'{resource_type}' is not a resource type{hint}"))
        };
    };
    if names.split(' ').any(|known| known == name) {
        return Ok(());
    }
    let whole = |name: &str| format!("AWS::{service}::{name}");
    match nearest(name, names.split(' ')).as_slice() {
        // SAM's types are few and change only with SAM.
        [] if service == "Serverless" => {
            let all: Vec<String> = names.split(' ').map(whole).collect();
            Err(format!(
                "'{resource_type}' is not a resource type; SAM has {}",
                all.join(", ")
            ))
        }
        [] => Ok(()),
        near => {
            let near: Vec<String> = near.iter().map(|name| whole(name)).collect();
            let near: Vec<&str> = near.iter().map(String::as_str).collect();
            let near = one_of(&near);
            Err(format!(
                "'{resource_type}' is not a resource type; did you mean {near}?"
            ))
        }
    }
}

/// The hint for a type that lacks a part, such as `Serverless::Function`.
fn hint_for_whole_name(resource_type: &str) -> String {
    let whole = format!("AWS::{resource_type}");
    if is_known(&whole) {
        format!("; did you mean '{whole}'?")
    } else {
        did_you_mean(resource_type, COMMON_TYPES)
    }
}

/// The hint for an unknown service: the services that have a type of this name.
fn hint_for_service(resource_type: &str, name: &str) -> String {
    let same_name: Vec<String> = services()
        .map(|(known, _)| format!("AWS::{known}::{name}"))
        .filter(|candidate| is_known(candidate))
        .collect();
    did_you_mean(resource_type, same_name.iter().map(String::as_str))
}

fn services() -> impl Iterator<Item = (&'static str, &'static str)> {
    TYPES
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(": "))
}

fn is_known(resource_type: &str) -> bool {
    let mut parts = resource_type.splitn(3, "::").skip(1);
    let (Some(service), Some(name)) = (parts.next(), parts.next()) else {
        return false;
    };
    services().any(|(known, names)| known == service && names.split(' ').any(|known| known == name))
}

/// The types to suggest for a type that lacks a part.
const COMMON_TYPES: [&str; 10] = [
    "AWS::DynamoDB::Table",
    "AWS::IAM::Role",
    "AWS::Lambda::Function",
    "AWS::Lambda::Permission",
    "AWS::Logs::LogGroup",
    "AWS::Serverless::Api",
    "AWS::Serverless::Function",
    "AWS::Serverless::HttpApi",
    "AWS::Serverless::LayerVersion",
    "AWS::Serverless::SimpleTable",
];
