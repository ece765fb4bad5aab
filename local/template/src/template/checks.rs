//! The checks that need the whole template.

use std::collections::BTreeMap;

use super::sections::Sections;
use crate::error::Problem;
use crate::intrinsics::{Scope, check_references};
use crate::model::Template;
use crate::place::Place;
use crate::source::{Entry, Node, Value};
use crate::suggest::did_you_mean;

/// Checks that every name that the template mentions exists.
pub(super) fn check_names(
    scope: &Scope<'_>,
    sections: &Sections<'_>,
    declared: &[Entry],
    problems: &mut Vec<Problem>,
) {
    // If a resource could not be read, every reference to it would look wrong.
    if scope.resources.len() < declared.len() {
        return;
    }
    for resource in &scope.resources {
        let properties = Node::new(resource.place, Value::Mapping(resource.properties.clone()));
        problems.extend(check_references(scope, &resource.id, &properties));
    }
    for entry in declared {
        check_depends_on(scope, entry, problems);
    }
    for entry in entries(sections, "Conditions") {
        let subject = format!("condition {}", entry.key);
        problems.extend(check_references(scope, &subject, &entry.value));
        if let Err(problem) = scope.holds(&entry.key, entry.key_place) {
            problems.push(problem);
        }
    }
    for entry in entries(sections, "Outputs") {
        let subject = format!("output {}", entry.key);
        problems.extend(check_references(scope, &subject, &entry.value));
    }
}

fn check_depends_on(scope: &Scope<'_>, resource: &Entry, problems: &mut Vec<Problem>) {
    let attributes = resource.value.as_mapping();
    let Some(depends_on) = attributes.and_then(|attributes| attributes.get("DependsOn")) else {
        return;
    };
    let names = depends_on
        .as_sequence()
        .unwrap_or(std::slice::from_ref(depends_on));
    for node in names {
        let Some(name) = node.text() else { continue };
        if scope.resource(name).is_none() && !scope.is_generated(name) {
            let known = scope.resources.iter().map(|resource| resource.id.as_str());
            let hint = did_you_mean(name, known);
            let message = format!("'{name}' is not a resource of this template{hint}");
            let subject = format!("{}.DependsOn", resource.key);
            problems.push(Problem::new(node.place, message).about(&subject));
        }
    }
}

fn entries<'t>(sections: &Sections<'t>, name: &str) -> &'t [Entry] {
    sections
        .get(name)
        .and_then(Node::as_mapping)
        .map_or(&[][..], |section| &section.entries)
}

/// Checks that each route leads to one function, and that its API exists.
pub(super) fn check_routes(template: &Template, scope: &Scope<'_>, problems: &mut Vec<Problem>) {
    let mut taken = BTreeMap::new();
    for function in &template.functions {
        let place = scope
            .resource(&function.logical_id)
            .map_or(Place::START, |resource| resource.place);
        for route in &function.routes {
            let id = &function.logical_id;
            if let Some(other) = taken.insert((&route.api, &route.method, &route.path), id) {
                let message = format!(
                    "{} {} of {} already leads to {other}; remove one of the two events",
                    route.method, route.path, route.api
                );
                problems.push(Problem::new(place, message).about(id));
            }
            if !template.apis.iter().any(|api| api.logical_id == route.api) && problems.is_empty() {
                let message = format!(
                    "the API {} of {} {} is not created, because its condition is false",
                    route.api, route.method, route.path
                );
                problems.push(Problem::new(place, message).about(id));
            }
        }
    }
}
