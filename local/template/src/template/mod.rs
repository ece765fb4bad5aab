//! Reads the sections of a template. Each section needs the ones before it.

mod checks;
mod declarations;
mod sections;

use std::path::Path;

use checks::{check_names, check_routes};
use declarations::declared_resources;
use sections::Sections;

use crate::error::{Problem, on_one_line};
use crate::globals::Globals;
use crate::intrinsics::{Resource, Scope};
use crate::model::{StackContext, Template};
use crate::parameters::parameters;
use crate::place::Place;
use crate::resources;
use crate::source::Node;

/// Evaluates the template at `path`. Its paths are relative to `folder`.
pub(crate) fn read(
    document: &Node,
    context: &StackContext,
    path: &Path,
    folder: &Path,
) -> Result<Template, Vec<Problem>> {
    let mut problems = Vec::new();
    let sections = Sections::new(document).map_err(|problem| vec![problem])?;
    sections.check_names(&mut problems);
    let mut scope = scope_without_resources(&sections, context, &mut problems);
    let globals = Globals::new(sections.get("Globals"), &mut problems);
    let declared = sections
        .mapping("Resources", &mut problems)
        .map_or(&[][..], |declared| &declared.entries);
    if declared.is_empty() && problems.is_empty() {
        return Err(vec![Problem::new(
            document.place,
            "the template has no Resources",
        )]);
    }
    scope.resources = declared_resources(&scope, globals, declared, &mut problems);
    check_names(&scope, &sections, declared, &mut problems);
    note_missing_transform(&sections, &scope);
    let mut template = add_resources(&scope, globals, folder, &mut problems);
    check_routes(&template, &scope, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    template.notes = scope
        .into_notes()
        .into_iter()
        .map(|(place, note)| {
            let Place { line, column } = place;
            format!("{}:{line}:{column}: {}", path.display(), on_one_line(&note))
        })
        .collect();
    Ok(template)
}

/// The scope that the declarations of the resources are read with. They are added to it later.
fn scope_without_resources<'t>(
    sections: &Sections<'t>,
    context: &'t StackContext,
    problems: &mut Vec<Problem>,
) -> Scope<'t> {
    let declared = sections.mapping("Parameters", problems);
    let mut notes = Vec::new();
    let place = sections.place("Parameters");
    let overrides = &context.parameter_overrides;
    let values = parameters(declared, overrides, place, problems, &mut notes);
    let mappings = sections.mapping("Mappings", problems);
    let conditions = sections.mapping("Conditions", problems);
    let scope = Scope::new(context, values, mappings, conditions);
    for (place, note) in notes {
        scope.note(place, note);
    }
    scope
}

fn note_missing_transform(sections: &Sections<'_>, scope: &Scope<'_>) {
    let uses_sam = scope
        .resources
        .iter()
        .any(|resource| resource.resource_type.starts_with("AWS::Serverless::"));
    if uses_sam && sections.get("Transform").is_none() {
        let note = "add 'Transform: AWS::Serverless-2016-10-31': the template cannot be deployed without it";
        scope.note(Place::START, note);
    }
}

fn add_resources(
    scope: &Scope<'_>,
    globals: Globals<'_>,
    folder: &Path,
    problems: &mut Vec<Problem>,
) -> Template {
    let mut template = Template::default();
    for resource in scope.resources.iter().filter(|resource| resource.active) {
        if let Err(problem) = add_resource(&mut template, scope, resource, folder) {
            problems.push(problem.about(&resource.id));
        }
    }
    match resources::implicit_apis(scope, globals, &template.functions) {
        Ok(apis) => template.apis.extend(apis),
        Err(problem) => problems.push(problem),
    }
    template
}

/// Adds one resource to the template. A type that does not run locally becomes a note.
fn add_resource(
    template: &mut Template,
    scope: &Scope<'_>,
    resource: &Resource,
    folder: &Path,
) -> Result<(), Problem> {
    match resource.resource_type.as_str() {
        "AWS::Serverless::Function" | "AWS::Lambda::Function" => {
            template
                .functions
                .extend(resources::function(scope, resource, folder)?);
        }
        "AWS::Serverless::Api"
        | "AWS::Serverless::HttpApi"
        | "AWS::ApiGateway::RestApi"
        | "AWS::ApiGatewayV2::Api" => {
            template.apis.extend(resources::api(scope, resource)?);
        }
        "AWS::Serverless::SimpleTable" | "AWS::DynamoDB::Table" | "AWS::DynamoDB::GlobalTable" => {
            template.tables.push(resources::table(scope, resource)?);
        }
        "AWS::Serverless::LayerVersion" | "AWS::Lambda::LayerVersion" => {
            template
                .layers
                .extend(resources::layer(scope, resource, folder)?);
        }
        // No note: most templates have these types, and no function needs them locally.
        "AWS::IAM::Role"
        | "AWS::IAM::Policy"
        | "AWS::IAM::ManagedPolicy"
        | "AWS::Logs::LogGroup"
        | "AWS::Lambda::Permission"
        | "AWS::CloudWatch::Alarm"
        | "AWS::XRay::Group"
        | "AWS::XRay::SamplingRule" => {}
        other => scope.note(
            resource.place,
            format!("{} ({other}) has no effect locally", resource.id),
        ),
    }
    Ok(())
}
