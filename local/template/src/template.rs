//! The sections of a template, in the order in which each needs the ones before.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::Problem;
use crate::globals::Globals;
use crate::intrinsics::{Resource, Scope, check_references};
use crate::model::{StackContext, Template};
use crate::parameters::parameters;
use crate::place::Place;
use crate::resources;
use crate::schema::{check_properties, check_resource_type};
use crate::source::{Entry, Mapping, Node, Value};
use crate::suggest::did_you_mean;

pub(crate) fn template(
    document: &Node,
    context: &StackContext,
    path: &Path,
    folder: &Path,
) -> Result<Template, Vec<Problem>> {
    let mut problems = Vec::new();
    let Some(sections) = document.as_mapping() else {
        let message = format!(
            "a template is a mapping with Resources, not {}",
            document.kind()
        );
        return Err(vec![Problem::new(document.place, message)]);
    };
    check_sections(sections, &mut problems);
    let declared = section(sections, "Parameters", &mut problems);
    let values = parameters(
        declared,
        context,
        section_place(sections, "Parameters"),
        &mut problems,
    );
    let mappings = section(sections, "Mappings", &mut problems);
    let conditions = section(sections, "Conditions", &mut problems);
    let globals = Globals::new(sections.get("Globals"), &mut problems);
    let mut scope = Scope::new(context, values, mappings, conditions);
    let declared = section(sections, "Resources", &mut problems);
    if declared.is_none_or(|declared| declared.entries.is_empty()) && problems.is_empty() {
        return Err(vec![Problem::new(
            document.place,
            "the template has no Resources",
        )]);
    }
    let declared = declared.map_or(&[][..], |declared| &declared.entries);
    scope.resources = declared_resources(&scope, globals, declared, &mut problems);
    check_names(&scope, sections, declared, &mut problems);
    if !sections
        .entries
        .iter()
        .any(|entry| entry.key == "Transform")
        && uses_sam(&scope)
    {
        let note = "the template lacks 'Transform: AWS::Serverless-2016-10-31', without which it cannot be deployed";
        scope.note(Place::START, note);
    }

    let mut template = Template::default();
    for resource in scope.resources.iter().filter(|resource| resource.active) {
        if let Err(problem) = add(&mut template, &scope, resource, folder) {
            problems.push(problem.about(&resource.id));
        }
    }
    match resources::implicit_apis(&scope, globals, &template.functions) {
        Ok(apis) => template.apis.extend(apis),
        Err(problem) => problems.push(problem),
    }
    check_routes(&template, &scope, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    template.notes = scope
        .into_notes()
        .into_iter()
        .map(|(place, note)| format!("{}:{}:{}: {note}", path.display(), place.line, place.column))
        .collect();
    Ok(template)
}

/// One resource to what a desk runs, or a note.
fn add(
    template: &mut Template,
    scope: &Scope<'_>,
    resource: &Resource,
    folder: &Path,
) -> Result<(), Problem> {
    match resource.kind.as_str() {
        "AWS::Serverless::Function" | "AWS::Lambda::Function" => {
            template
                .functions
                .extend(resources::function(scope, resource, folder)?);
        }
        "AWS::Serverless::Api"
        | "AWS::Serverless::HttpApi"
        | "AWS::ApiGateway::RestApi"
        | "AWS::ApiGatewayV2::Api" => {
            template.apis.extend(resources::apis(scope, resource)?);
        }
        "AWS::Serverless::SimpleTable" | "AWS::DynamoDB::Table" | "AWS::DynamoDB::GlobalTable" => {
            template.tables.push(resources::table(scope, resource)?);
        }
        "AWS::Serverless::LayerVersion" | "AWS::Lambda::LayerVersion" => {
            template
                .layers
                .extend(resources::layer(scope, resource, folder)?);
        }
        // They shape only what is deployed; saying so would be noise.
        "AWS::IAM::Role"
        | "AWS::IAM::Policy"
        | "AWS::IAM::ManagedPolicy"
        | "AWS::Logs::LogGroup"
        | "AWS::Lambda::Permission"
        | "AWS::CloudWatch::Alarm"
        | "AWS::XRay::Group"
        | "AWS::XRay::SamplingRule" => {}
        kind => scope.note(
            resource.place,
            format!("{} ({kind}) has no meaning on a desk", resource.id),
        ),
    }
    Ok(())
}

fn declared_resources(
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
                    kind,
                    properties,
                    ..
                } = &resource;
                for (place, note) in check_properties(id, kind, properties, problems) {
                    scope.note(place, format!("{}: {note}", resource.id));
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
    if id.starts_with("Fn::ForEach") {
        return Err(Problem::new(
            place,
            "Fn::ForEach is not evaluated on a desk; write the resources out",
        ));
    }
    if id.is_empty() || !id.chars().all(|letter| letter.is_ascii_alphanumeric()) {
        return Err(Problem::new(
            place,
            format!("a logical id is made of letters and digits, and '{id}' is not"),
        ));
    }
    let Some(attributes) = entry.value.as_mapping() else {
        return Err(Problem::new(
            entry.value.place,
            format!("a resource is a mapping, not {}", entry.value.kind()),
        ));
    };
    for attribute in &attributes.entries {
        let name = attribute.key.as_str();
        let hint = did_you_mean(name, ATTRIBUTES);
        if !ATTRIBUTES.contains(&name) && !hint.is_empty() {
            return Err(Problem::new(
                attribute.key_place,
                format!("a resource has no attribute '{name}'{hint}"),
            ));
        }
    }
    let kind = attributes
        .get("Type")
        .ok_or_else(|| Problem::new(place, "the resource has no Type"))?;
    let Some(kind_text) = kind.text() else {
        return Err(Problem::new(
            kind.place,
            format!("Type must be a string, not {}", kind.kind()),
        ));
    };
    check_resource_type(id, kind_text, kind.place)?;
    let none = Mapping::default();
    let properties = match attributes.get("Properties").map(|node| (&node.value, node)) {
        None | Some((Value::Null, _)) => &none,
        Some((Value::Mapping(properties), _)) => properties,
        Some((_, node)) => {
            return Err(Problem::new(
                node.place,
                format!("Properties must be a mapping, not {}", node.kind()),
            ));
        }
    };
    let condition = match attributes
        .get("Condition")
        .map(|node| (node.text(), node.place))
    {
        None => None,
        Some((Some(name), place)) => Some((name.to_owned(), place)),
        Some((None, place)) => {
            return Err(Problem::new(
                place,
                "Condition must be the name of a condition",
            ));
        }
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
        kind: kind_text.to_owned(),
        properties: globals.merge(kind_text, properties, attributes.get("IgnoreGlobals")),
        metadata: attributes.get("Metadata").cloned(),
        condition,
        active,
    })
}

/// Every name that is mentioned anywhere exists.
fn check_names(
    scope: &Scope<'_>,
    sections: &Mapping,
    declared: &[Entry],
    problems: &mut Vec<Problem>,
) {
    // A resource that could not be read would make every reference to it look wrong.
    if scope.resources.len() < declared.len() {
        return;
    }
    for resource in &scope.resources {
        let properties = Node::new(resource.place, Value::Mapping(resource.properties.clone()));
        problems.extend(check_references(scope, &resource.id, &properties));
    }
    for entry in declared {
        let Some(depends) = entry
            .value
            .as_mapping()
            .and_then(|attributes| attributes.get("DependsOn"))
        else {
            continue;
        };
        let names = depends
            .as_sequence()
            .unwrap_or(std::slice::from_ref(depends));
        for (name, place) in names
            .iter()
            .filter_map(|node| Some((node.text()?, node.place)))
        {
            if scope.resource(name).is_none() && !scope.is_generated(name) {
                let hint = did_you_mean(
                    name,
                    scope.resources.iter().map(|resource| resource.id.as_str()),
                );
                let message = format!("'{name}' is no resource of this template{hint}");
                problems
                    .push(Problem::new(place, message).about(&format!("{}.DependsOn", entry.key)));
            }
        }
    }
    for name in ["Conditions", "Outputs"] {
        for entry in sections
            .get(name)
            .and_then(Node::as_mapping)
            .into_iter()
            .flat_map(|section| &section.entries)
        {
            let subject = if name == "Outputs" {
                format!("output {}", entry.key)
            } else {
                format!("condition {}", entry.key)
            };
            problems.extend(check_references(scope, &subject, &entry.value));
            if name == "Conditions"
                && let Err(problem) = scope.holds(&entry.key, entry.key_place)
            {
                problems.push(problem);
            }
        }
    }
}

/// One request must have one answer.
fn check_routes(template: &Template, scope: &Scope<'_>, problems: &mut Vec<Problem>) {
    let mut taken = BTreeMap::new();
    for function in &template.functions {
        let place = scope
            .resource(&function.logical_id)
            .map_or(Place::START, |resource| resource.place);
        for route in &function.routes {
            let id = &function.logical_id;
            if let Some(other) = taken.insert((&route.api, &route.method, &route.path), id) {
                let message = format!(
                    "{} {} of {} leads to {other} already",
                    route.method, route.path, route.api
                );
                problems.push(Problem::new(place, message).about(id));
            }
            if !template.apis.iter().any(|api| api.logical_id == route.api) && problems.is_empty() {
                let message = format!(
                    "{} is left out by its condition, and {} {} needs it",
                    route.api, route.method, route.path
                );
                problems.push(Problem::new(place, message).about(id));
            }
        }
    }
}

fn check_sections(sections: &Mapping, problems: &mut Vec<Problem>) {
    for entry in &sections.entries {
        if SECTIONS.contains(&entry.key.as_str()) {
            continue;
        }
        let hint = match did_you_mean(&entry.key, SECTIONS) {
            hint if hint.is_empty() => format!("; it may have {}", SECTIONS.join(", ")),
            hint => hint,
        };
        problems.push(Problem::new(
            entry.key_place,
            format!("a template has no section '{}'{hint}", entry.key),
        ));
    }
}

fn section<'t>(
    sections: &'t Mapping,
    name: &str,
    problems: &mut Vec<Problem>,
) -> Option<&'t Mapping> {
    let node = sections.get(name)?;
    match &node.value {
        Value::Mapping(mapping) => Some(mapping),
        Value::Null => None,
        _ => {
            problems.push(Problem::new(
                node.place,
                format!("{name} must be a mapping, not {}", node.kind()),
            ));
            None
        }
    }
}

fn section_place(sections: &Mapping, name: &str) -> Place {
    sections
        .entry(name)
        .map_or(Place::START, |entry| entry.key_place)
}

fn uses_sam(scope: &Scope<'_>) -> bool {
    scope
        .resources
        .iter()
        .any(|resource| resource.kind.starts_with("AWS::Serverless::"))
}

/// CloudFormation Template Reference, "Template sections", and SAM's Globals.
const SECTIONS: [&str; 12] = [
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Globals",
    "Hooks",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
    "Transform",
];

/// CloudFormation Template Reference, "Resource attributes", and SAM's own.
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
