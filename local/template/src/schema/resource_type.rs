//! The resource types of CloudFormation and SAM.

use crate::error::Problem;
use crate::place::Place;
use crate::suggest::{did_you_mean, nearest, one_of};

/// A service and its types a line.
static TYPES: &str = include_str!("resource-types.txt");

/// Refuses a type that does not exist; `AWS::` types that are merely not known here pass.
pub(crate) fn check_resource_type(id: &str, kind: &str, place: Place) -> Result<(), Problem> {
    let parts: Vec<&str> = kind.split("::").collect();
    let checked = match parts.as_slice() {
        ["AWS", service, name] => check_aws_type(kind, service, name),
        // Registry extensions of other owners, modules, custom resources.
        [owner, _, _, ..] if *owner != "AWS" => Ok(()),
        ["AWS", _, _, "MODULE"] | ["Custom", _] => Ok(()),
        _ => Err(format!(
            "'{kind}' is no resource type; one looks like AWS::Service::Resource{}",
            hint_for_whole_name(kind)
        )),
    };
    checked.map_err(|message| Problem::new(place, message).about(id))
}

fn check_aws_type(kind: &str, service: &str, name: &str) -> Result<(), String> {
    let Some((_, names)) = services().find(|(known, _)| *known == service) else {
        let hint = hint_for_service(kind, name);
        return if hint.is_empty() {
            Ok(())
        } else {
            Err(format!("there is no resource type '{kind}'{hint}"))
        };
    };
    if names.split(' ').any(|known| known == name) {
        return Ok(());
    }
    let whole = |name: &str| format!("AWS::{service}::{name}");
    match nearest(name, names.split(' ')).as_slice() {
        // New types of AWS appear every week; those of SAM come with SAM.
        [] if service == "Serverless" => {
            let all: Vec<String> = names.split(' ').map(whole).collect();
            Err(format!(
                "there is no resource type '{kind}'; SAM has {}",
                all.join(", ")
            ))
        }
        [] => Ok(()),
        near => {
            let near: Vec<String> = near.iter().map(|name| whole(name)).collect();
            let near: Vec<&str> = near.iter().map(String::as_str).collect();
            let near = one_of(&near);
            Err(format!(
                "there is no resource type '{kind}'; did you mean {near}?"
            ))
        }
    }
}

/// The hint for a type that lacks a part, such as `Serverless::Function`.
fn hint_for_whole_name(kind: &str) -> String {
    let whole = format!("AWS::{kind}");
    if is_known(&whole) {
        format!("; did you mean '{whole}'?")
    } else {
        did_you_mean(kind, COMMON_TYPES)
    }
}

/// The hint for an unknown service: the services that have a type of this name.
fn hint_for_service(kind: &str, name: &str) -> String {
    let same_name: Vec<String> = services()
        .map(|(known, _)| format!("AWS::{known}::{name}"))
        .filter(|kind| is_known(kind))
        .collect();
    did_you_mean(kind, same_name.iter().map(String::as_str))
}

fn services() -> impl Iterator<Item = (&'static str, &'static str)> {
    TYPES
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(": "))
}

fn is_known(kind: &str) -> bool {
    let mut parts = kind.splitn(3, "::").skip(1);
    let (Some(service), Some(name)) = (parts.next(), parts.next()) else {
        return false;
    };
    services().any(|(known, names)| known == service && names.split(' ').any(|known| known == name))
}

/// For a type that lacks its parts, such as `Serverless::Function`.
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
