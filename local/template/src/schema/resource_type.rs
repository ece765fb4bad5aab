//! The resource types of CloudFormation and SAM.

use crate::error::Problem;
use crate::place::Place;
use crate::suggest::did_you_mean;

/// A service and its types a line.
static TYPES: &str = include_str!("resource-types.txt");

/// Refuses a type that does not exist; `AWS::` types that are merely not known here pass.
pub(crate) fn check_resource_type(id: &str, kind: &str, place: Place) -> Result<(), Problem> {
    let problem = |message: String| Err(Problem::new(place, message).about(id));
    let parts: Vec<&str> = kind.split("::").collect();
    let (service, name) = match parts.as_slice() {
        ["AWS", service, name] => (*service, *name),
        // Registry extensions of other owners, modules, custom resources.
        [owner, _, _, ..] if *owner != "AWS" => return Ok(()),
        ["AWS", _, _, "MODULE"] | ["Custom", _] => return Ok(()),
        _ => {
            let whole = format!("AWS::{kind}");
            let hint = if is_known(&whole) {
                format!("; did you mean '{whole}'?")
            } else {
                did_you_mean(kind, COMMON_TYPES)
            };
            return problem(format!(
                "'{kind}' is no resource type; one looks like AWS::Service::Resource{hint}"
            ));
        }
    };
    let Some((_, names)) = services().find(|(known, _)| *known == service) else {
        let near: Vec<String> = services()
            .map(|(known, _)| format!("AWS::{known}::{name}"))
            .filter(|kind| is_known(kind))
            .collect();
        let hint = did_you_mean(kind, near.iter().map(String::as_str));
        return if hint.is_empty() {
            Ok(())
        } else {
            problem(format!("there is no resource type '{kind}'{hint}"))
        };
    };
    if names.split(' ').any(|known| known == name) {
        return Ok(());
    }
    let near: Vec<String> = names
        .split(' ')
        .map(|known| format!("AWS::{service}::{known}"))
        .collect();
    let prefix = format!("AWS::{service}::");
    let hint = match crate::suggest::nearest(name, names.split(' ')).as_slice() {
        [] => String::new(),
        found => {
            let found: Vec<String> = found.iter().map(|name| format!("{prefix}{name}")).collect();
            let found: Vec<&str> = found.iter().map(String::as_str).collect();
            format!("; did you mean {}?", crate::suggest::one_of(&found))
        }
    };
    match (service, hint.is_empty()) {
        // New types of AWS appear every week; those of SAM come with SAM.
        (_, false) => problem(format!("there is no resource type '{kind}'{hint}")),
        ("Serverless", true) => problem(format!(
            "there is no resource type '{kind}'; SAM has {}",
            near.join(", ")
        )),
        (_, true) => Ok(()),
    }
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
