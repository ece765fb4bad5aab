//! `AWS::Serverless::Function` and `AWS::Lambda::Function`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use xray_local_lambda_rules::RESERVED_VARIABLES;

use super::event::routes;
use super::properties::{Properties, beside};
use crate::error::Problem;
use crate::intrinsics::{Resource, Scope};
use crate::model::Function;
use crate::source::Node;
use crate::suggest::did_you_mean;

/// The function, or `None` (and a note) for one whose code a desk cannot run.
pub(crate) fn function(
    scope: &Scope<'_>,
    resource: &Resource,
    folder: &Path,
) -> Result<Option<Function>, Problem> {
    let properties = Properties::of(scope, resource);
    let serverless = resource.kind == "AWS::Serverless::Function";
    let Some(code_uri) = code_uri(&properties, serverless)? else {
        return Ok(None);
    };
    let tracing = if serverless {
        properties.choice("Tracing", &["Active", "PassThrough", "Disabled"])?
    } else {
        properties
            .nested("TracingConfig")?
            .map(|tracing| tracing.choice("Mode", &["Active", "PassThrough"]))
            .transpose()?
            .flatten()
    };
    note_what_has_no_effect(&properties);
    Ok(Some(Function {
        logical_id: resource.id.clone(),
        name: scope
            .physical_name(resource, resource.place)
            .map_err(|problem| problem.about(&properties.subject("FunctionName")))?,
        runtime: runtime(&properties)?,
        // Lambda takes any handler for `provided` runtimes, but it must be there.
        handler: properties.required_text("Handler")?,
        architecture: architecture(&properties)?,
        code_uri: beside(folder, &code_uri),
        build_method: metadata(scope, resource, &["BuildMethod"])?,
        binary: metadata(scope, resource, &["BuildProperties", "Binary"])?,
        timeout: Duration::from_secs(
            properties
                .number("Timeout", 1..=MAX_TIMEOUT_SECONDS, "seconds")?
                .unwrap_or(DEFAULT_TIMEOUT_SECONDS),
        ),
        memory_mb: memory_mb(&properties)?,
        environment: environment(&properties)?,
        active_tracing: tracing.as_deref() == Some("Active"),
        layers: layers(&properties)?,
        routes: if serverless {
            routes(&properties)?
        } else {
            Vec::new()
        },
    }))
}

/// Lambda Developer Guide, "Lambda quotas": function timeout.
const MAX_TIMEOUT_SECONDS: u64 = 900;
const DEFAULT_TIMEOUT_SECONDS: u64 = 3;
/// Lambda Developer Guide, "Configure Lambda function memory".
const DEFAULT_MEMORY_MB: u32 = 128;
const MAX_MEMORY_MB: u64 = 10_240;

/// `CodeUri` as written; `.` by default, as `sam build` has it.
fn code_uri(properties: &Properties<'_, '_>, serverless: bool) -> Result<Option<String>, Problem> {
    let leave_out = |why: &str| {
        let note = format!("{} is left out: {why}", properties.owner);
        properties.scope.note(properties.place, note);
        Ok(None)
    };
    let package = properties.choice("PackageType", &["Zip", "Image"])?;
    if package.as_deref() == Some("Image") {
        return leave_out("a container image (PackageType Image) does not run on a desk");
    }
    if properties.has("InlineCode") {
        return leave_out(
            "InlineCode does not run on a desk; put the code in a folder that CodeUri names",
        );
    }
    let name = if serverless { "CodeUri" } else { "Code" };
    let Some(code) = properties.get(name)? else {
        return Ok(Some(".".to_owned()));
    };
    match code.text() {
        Some(uri) if uri.starts_with("s3://") => leave_out("its code is in S3"),
        Some(path) => Ok(Some(path.to_owned())),
        None => leave_out("its code is in S3 or inline, not in a folder"),
    }
}

fn runtime(properties: &Properties<'_, '_>) -> Result<String, Problem> {
    let runtime = properties.required_text("Runtime")?;
    let hint = did_you_mean(&runtime, RUNTIMES);
    // A runtime newer than this list differs in its number alone.
    let letters = |text: &str| {
        text.chars()
            .filter(|letter| !letter.is_ascii_digit() && *letter != '.')
            .collect::<String>()
    };
    if hint.is_empty()
        || RUNTIMES
            .iter()
            .any(|known| letters(known) == letters(&runtime))
    {
        return Ok(runtime);
    }
    let message = format!("there is no runtime '{runtime}'{hint}");
    Err(properties.wrong("Runtime", properties.value_place("Runtime"), &message))
}

fn architecture(properties: &Properties<'_, '_>) -> Result<String, Problem> {
    let architectures = properties.list("Architectures")?;
    match architectures
        .iter()
        .map(|node| (node, node.text()))
        .collect::<Vec<_>>()
        .as_slice()
    {
        [] => Ok("x86_64".to_owned()),
        [(_, Some(architecture @ ("x86_64" | "arm64")))] => Ok((*architecture).to_owned()),
        [(node, text)] => {
            let shown = text.unwrap_or_default();
            Err(properties.wrong(
                "Architectures",
                node.place,
                &format!("must be x86_64 or arm64, not '{shown}'"),
            ))
        }
        [_, (node, _), ..] => Err(properties.wrong(
            "Architectures",
            node.place,
            "must be one architecture, not several",
        )),
    }
}

fn memory_mb(properties: &Properties<'_, '_>) -> Result<u32, Problem> {
    let memory = properties.number(
        "MemorySize",
        u64::from(DEFAULT_MEMORY_MB)..=MAX_MEMORY_MB,
        "MB",
    )?;
    Ok(memory
        .and_then(|memory| u32::try_from(memory).ok())
        .unwrap_or(DEFAULT_MEMORY_MB))
}

fn environment(properties: &Properties<'_, '_>) -> Result<BTreeMap<String, String>, Problem> {
    let mut environment = BTreeMap::new();
    let Some(section) = properties.nested("Environment")? else {
        return Ok(environment);
    };
    if let Some(other) = section.keys().find(|key| *key != "Variables") {
        let message = format!("has only Variables, not '{other}'");
        return Err(properties.wrong("Environment", section.place_of(other), &message));
    }
    let Some(variables) = section.nested("Variables")? else {
        return Ok(environment);
    };
    for name in variables.keys() {
        let place = variables.place_of(name);
        if RESERVED_VARIABLES.contains(&name) {
            return Err(variables.wrong(
                name,
                place,
                "Lambda sets this variable itself and refuses it in a template",
            ));
        }
        let letters = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        if !name.starts_with(|first: char| first.is_ascii_alphabetic())
            || !name.chars().all(letters)
            || name.len() < 2
        {
            let message =
                "a variable's name is two or more letters, digits or '_', and begins with a letter";
            return Err(variables.wrong(name, place, message));
        }
        let value = variables.text(name)?.unwrap_or_default();
        if value.contains(".execute-api.") {
            let note = format!(
                "{}.{name} is an API's address on AWS; on a desk the API is where start-api listens",
                variables.owner
            );
            properties.scope.note(place, note);
        }
        if value.contains("{{resolve:") {
            let note = format!(
                "{}.{name}: a dynamic reference is not looked up on a desk and stays as written",
                variables.owner
            );
            properties.scope.note(place, note);
        }
        environment.insert(name.to_owned(), value);
    }
    Ok(environment)
}

/// Logical ids for the layers of this template, and the ARNs of others.
fn layers(properties: &Properties<'_, '_>) -> Result<Vec<String>, Problem> {
    let mut layers = Vec::new();
    for node in properties.list("Layers")? {
        let Some(arn) = node.text() else {
            let message = format!("must be layers' ARNs or references, not {}", node.kind());
            return Err(properties.wrong("Layers", node.place, &message));
        };
        layers.push(in_template(properties.scope, arn, &node)?.unwrap_or_else(|| arn.to_owned()));
    }
    Ok(layers)
}

/// The logical id of the layer that `Ref` made this ARN of.
fn in_template(scope: &Scope<'_>, arn: &str, node: &Node) -> Result<Option<String>, Problem> {
    for resource in scope
        .resources
        .iter()
        .filter(|resource| resource.active && resource.kind.ends_with("::LayerVersion"))
    {
        if scope.layer_arn(&scope.physical_name(resource, node.place)?) == arn {
            return Ok(Some(resource.id.clone()));
        }
    }
    Ok(None)
}

/// A text of the resource's `Metadata`, where `sam build` finds how to build it.
fn metadata(
    scope: &Scope<'_>,
    resource: &Resource,
    path: &[&str],
) -> Result<Option<String>, Problem> {
    let mut node = resource.metadata.as_ref();
    for step in path {
        node = node.and_then(|node| node.as_mapping()?.get(step));
    }
    let Some(node) = node else { return Ok(None) };
    let subject = format!("{}.Metadata.{}", resource.id, path.join("."));
    match scope
        .resolve(node)
        .map_err(|problem| problem.about(&subject))?
    {
        None => Ok(None),
        Some(node) => match node.text() {
            Some(text) => Ok(Some(text.to_owned())),
            None => Err(
                Problem::new(node.place, format!("must be a string, not {}", node.kind()))
                    .about(&subject),
            ),
        },
    }
}

fn note_what_has_no_effect(properties: &Properties<'_, '_>) {
    for (name, why) in NO_EFFECT {
        if properties.has(name) {
            let note = format!("{}.{name} {why}", properties.owner);
            properties.scope.note(properties.place_of(name), note);
        }
    }
}

const NO_EFFECT: [(&str, &str); 5] = [
    (
        "FunctionUrlConfig",
        "has no effect on a desk: functions are called through their API or by name",
    ),
    (
        "FileSystemConfigs",
        "has no effect on a desk: nothing is mounted",
    ),
    ("ReservedConcurrentExecutions", "has no effect on a desk"),
    (
        "ProvisionedConcurrencyConfig",
        "has no effect on a desk: environments start when they are needed",
    ),
    (
        "SnapStart",
        "has no effect on a desk: every environment starts from nothing",
    ),
];

/// Lambda Developer Guide, "Lambda runtimes".
const RUNTIMES: [&str; 24] = [
    "dotnet10",
    "dotnet8",
    "java11",
    "java17",
    "java21",
    "java25",
    "java8.al2",
    "nodejs18.x",
    "nodejs20.x",
    "nodejs22.x",
    "nodejs24.x",
    "provided.al2",
    "provided.al2023",
    "python3.10",
    "python3.11",
    "python3.12",
    "python3.13",
    "python3.14",
    "python3.8",
    "python3.9",
    "ruby3.2",
    "ruby3.3",
    "ruby3.4",
    "ruby3.5",
];
