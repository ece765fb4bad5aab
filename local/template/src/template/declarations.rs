//! The declaration of each resource: its type, condition and properties.

use crate::error::Problem;
use crate::globals::Globals;
use crate::intrinsics::{Resource, Scope};
use crate::schema::{check_properties, check_resource_type};
use crate::source::{Entry, Mapping, Value};
use crate::suggest::did_you_mean;

/// All resources whose declaration is valid. The errors of the others go to `problems`.
pub(super) fn declared_resources(
    scope: &Scope<'_>,
    globals: Globals<'_>,
    declared: &[Entry],
    problems: &mut Vec<Problem>,
) -> Vec<Resource> {
    let mut resources = Vec::new();
    for entry in declared {
        match declared_resource(scope, globals, entry) {
            Ok(resource) => {
                let Resource {
                    id,
                    resource_type,
                    properties,
                    ..
                } = &resource;
                for (place, note) in check_properties(id, resource_type, properties, problems) {
                    scope.note(place, format!("{id}: {note}"));
                }
                resources.push(resource);
            }
            Err(problem) => problems.push(problem.about(&entry.key)),
        }
    }
    resources
}

fn declared_resource(
    scope: &Scope<'_>,
    globals: Globals<'_>,
    entry: &Entry,
) -> Result<Resource, Problem> {
    let id = &entry.key;
    let place = entry.key_place;
    check_logical_id(entry)?;
    let attributes = attributes(entry)?;
    let type_node = attributes.get("Type").ok_or_else(|| {
        let message = "the resource has no Type; add one such as 'Type: AWS::Serverless::Function'";
        Problem::new(place, message)
    })?;
    let Some(resource_type) = type_node.text() else {
        return Err(Problem::new(
            type_node.place,
            format!("Type must be a string, not {}", type_node.kind()),
        ));
    };
    check_resource_type(id, resource_type, type_node.place)?;
    let none = Mapping::default();
    let properties = properties(attributes)?.unwrap_or(&none);
    let condition = match attributes.get("Condition") {
        None => None,
        Some(node) => {
            let name = node.text().ok_or_else(|| {
                let message = format!("Condition must be a condition's name, not {}", node.kind());
                Problem::new(node.place, message)
            })?;
            Some((name.to_owned(), node.place))
        }
    };
    let ignored = match attributes.get("IgnoreGlobals") {
        Some(node) => globals
            .ignored(resource_type, node)
            .map_err(|problem| problem.about(&format!("{id}.IgnoreGlobals")))?,
        None => None,
    };
    let active = match &condition {
        Some((name, place)) => scope
            .holds(name, *place)
            .map_err(|problem| problem.about(&format!("{id}.Condition")))?,
        None => true,
    };
    Ok(Resource {
        id: id.clone(),
        place,
        resource_type: resource_type.to_owned(),
        properties: globals.merge(resource_type, properties, ignored.as_ref()),
        metadata: attributes.get("Metadata").cloned(),
        condition,
        active,
    })
}

fn check_logical_id(entry: &Entry) -> Result<(), Problem> {
    let id = &entry.key;
    if id.starts_with("Fn::ForEach") {
        return Err(Problem::new(
            entry.key_place,
            "Fn::ForEach is not supported locally; write out each resource",
        ));
    }
    if id.is_empty() || !id.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Err(Problem::new(
            entry.key_place,
            format!("'{id}' is not a logical id; use only letters and digits"),
        ));
    }
    Ok(())
}

/// The resource's attributes, such as `Type` and `Properties`. A misspelt one is an error.
///
/// An attribute that resembles no known one is accepted: CloudFormation adds new ones.
fn attributes(entry: &Entry) -> Result<&Mapping, Problem> {
    let Some(attributes) = entry.value.as_mapping() else {
        return Err(Problem::new(
            entry.value.place,
            format!("a resource must be a mapping, not {}", entry.value.kind()),
        ));
    };
    for attribute in &attributes.entries {
        let name = attribute.key.as_str();
        let hint = did_you_mean(name, ATTRIBUTES);
        if !ATTRIBUTES.contains(&name) && !hint.is_empty() {
            return Err(Problem::new(
                attribute.key_place,
                format!("'{name}' is not an attribute of a resource{hint}"),
            ));
        }
    }
    Ok(attributes)
}

fn properties(attributes: &Mapping) -> Result<Option<&Mapping>, Problem> {
    let Some(node) = attributes.get("Properties") else {
        return Ok(None);
    };
    match &node.value {
        Value::Null => Ok(None),
        Value::Mapping(properties) => Ok(Some(properties)),
        _ => Err(Problem::new(
            node.place,
            format!("Properties must be a mapping, not {}", node.kind()),
        )),
    }
}

/// CloudFormation Template Reference, "Resource attributes", and SAM's `Connectors` and
/// `IgnoreGlobals`.
const ATTRIBUTES: [&str; 11] = [
    "Type",
    "Properties",
    "Condition",
    "Connectors",
    "CreationPolicy",
    "DeletionPolicy",
    "DependsOn",
    "IgnoreGlobals",
    "Metadata",
    "UpdatePolicy",
    "UpdateReplacePolicy",
];
