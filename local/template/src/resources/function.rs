//! `AWS::Serverless::Function` and `AWS::Lambda::Function`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use xray_local_lambda_rules::{MAX_FUNCTION_NAME_CHARS, RESERVED_VARIABLES, is_new_function_name};

use super::event::routes;
use super::properties::{Properties, path_in};
use crate::error::Problem;
use crate::intrinsics::{Resource, Scope};
use crate::model::Function;
use crate::source::{Node, Value};
use crate::suggest::did_you_mean;

/// The function. `None`, with a note, if its code cannot run locally.
pub(crate) fn function(
    scope: &Scope<'_>,
    resource: &Resource,
    folder: &Path,
) -> Result<Option<Function>, Problem> {
    let properties = Properties::of(scope, resource);
    let serverless = resource.resource_type == "AWS::Serverless::Function";
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
    let timeout = properties.number("Timeout", 1..=MAX_TIMEOUT_SECONDS, "seconds")?;
    let memory_mb = properties.number("MemorySize", MIN_MEMORY_MB..=MAX_MEMORY_MB, "MB")?;
    let build = build_metadata(scope, resource)?;
    note_properties_without_effect(&properties);
    Ok(Some(Function {
        logical_id: resource.id.clone(),
        name: name(&properties, resource)?,
        runtime: runtime(&properties)?,
        // Lambda requires it even for `provided` runtimes, where any text is accepted.
        handler: properties.required_text("Handler")?,
        architecture: architecture(&properties)?,
        code_uri: path_in(folder, &code_uri),
        build_method: build.method,
        binary: build.binary,
        timeout: Duration::from_secs(u64::from(timeout.unwrap_or(DEFAULT_TIMEOUT_SECONDS))),
        memory_mb: memory_mb.unwrap_or(DEFAULT_MEMORY_MB),
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

fn name(properties: &Properties<'_, '_>, resource: &Resource) -> Result<String, Problem> {
    const NAME: &str = "FunctionName";
    let name = properties
        .scope
        .physical_name(resource, resource.place)
        .map_err(|problem| problem.about(&properties.subject(NAME)))?;
    // A generated name is a logical id, which CloudFormation shortens for Lambda.
    if name == resource.id || is_new_function_name(&name) {
        return Ok(name);
    }
    let message = format!(
        "must be at most {MAX_FUNCTION_NAME_CHARS} letters, digits, '-' and '_', not '{name}'"
    );
    Err(properties.problem(NAME, properties.value_place(NAME), &message))
}

/// Lambda Developer Guide, "Lambda quotas": function timeout.
const MAX_TIMEOUT_SECONDS: u32 = 900;
/// Lambda Developer Guide, "Configure Lambda function timeout".
const DEFAULT_TIMEOUT_SECONDS: u32 = 3;
/// Lambda Developer Guide, "Configure Lambda function memory".
const DEFAULT_MEMORY_MB: u32 = 128;
const MIN_MEMORY_MB: u32 = 128;
const MAX_MEMORY_MB: u32 = 10_240;

/// `CodeUri` or `Code`. The default is `.`, as with `sam build`. `None`, with a note, if the
/// code is not in a folder.
fn code_uri(properties: &Properties<'_, '_>, serverless: bool) -> Result<Option<String>, Problem> {
    let skip = |reason: &str| {
        let note = format!("{} is skipped: {reason}", properties.owner);
        properties.scope.note(properties.place, note);
        Ok(None)
    };
    let package = properties.choice("PackageType", &["Zip", "Image"])?;
    if package.as_deref() == Some("Image") {
        return skip("a container image (PackageType Image) does not run locally");
    }
    if properties.has("InlineCode") {
        return skip("InlineCode does not run locally; put the code into a folder and set CodeUri");
    }
    let name = if serverless { "CodeUri" } else { "Code" };
    let Some(code) = properties.get(name)? else {
        return Ok(Some(".".to_owned()));
    };
    match code.text() {
        Some(uri) if uri.starts_with("s3://") => skip("its code is in S3"),
        Some(path) => Ok(Some(path.to_owned())),
        None => skip("its code is in S3 or inline, not in a folder"),
    }
}

fn runtime(properties: &Properties<'_, '_>) -> Result<String, Problem> {
    let runtime = properties.required_text("Runtime")?;
    let hint = did_you_mean(&runtime, RUNTIMES);
    // A runtime that differs only in its version may be newer than this list.
    let without_version =
        |runtime: &str| runtime.replace(|c: char| c.is_ascii_digit() || c == '.', "");
    let differs_in_version = RUNTIMES
        .iter()
        .any(|known| without_version(known) == without_version(&runtime));
    if hint.is_empty() || differs_in_version {
        return Ok(runtime);
    }
    let message = format!("'{runtime}' is not a runtime{hint}");
    Err(properties.problem("Runtime", properties.value_place("Runtime"), &message))
}

fn architecture(properties: &Properties<'_, '_>) -> Result<String, Problem> {
    let name = "Architectures";
    let architectures = properties.list(name)?;
    let node = match architectures.as_slice() {
        [] => return Ok("x86_64".to_owned()),
        [node] => node,
        [_, second, ..] => {
            let message = "must be one architecture, not several";
            return Err(properties.problem(name, second.place, message));
        }
    };
    let wrong = match node.text() {
        Some(architecture @ ("x86_64" | "arm64")) => return Ok(architecture.to_owned()),
        Some(other) => format!("'{other}'"),
        None => node.kind().to_owned(),
    };
    let message = format!("must be 'x86_64' or 'arm64', not {wrong}");
    Err(properties.problem(name, node.place, &message))
}

fn environment(properties: &Properties<'_, '_>) -> Result<BTreeMap<String, String>, Problem> {
    let mut environment = BTreeMap::new();
    let Some(section) = properties.nested("Environment")? else {
        return Ok(environment);
    };
    if let Some(other) = section.keys().find(|key| *key != "Variables") {
        let message = format!("must contain only Variables, not '{other}'");
        return Err(properties.problem("Environment", section.key_place(other), &message));
    }
    let Some(variables) = section.nested("Variables")? else {
        return Ok(environment);
    };
    for name in variables.keys() {
        check_variable_name(&variables, name)?;
        let value = variables.text(name)?.unwrap_or_default();
        note_value(&variables, name, &value);
        environment.insert(name.to_owned(), value);
    }
    Ok(environment)
}

fn check_variable_name(variables: &Properties<'_, '_>, name: &str) -> Result<(), Problem> {
    let problem = |message| Err(variables.problem(name, variables.key_place(name), message));
    if RESERVED_VARIABLES.contains(&name) {
        return problem("Lambda sets this variable itself; remove it from the template");
    }
    let is_name_char = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !name.starts_with(|first: char| first.is_ascii_alphabetic())
        || !name.chars().all(is_name_char)
        || name.len() < 2
    {
        return problem(
            "a variable's name must be two or more letters, digits or '_', and start with a letter",
        );
    }
    Ok(())
}

/// Adds a note if the value probably does not work locally.
fn note_value(variables: &Properties<'_, '_>, name: &str, value: &str) {
    let subject = variables.subject(name);
    let place = variables.key_place(name);
    if value.contains(".execute-api.") {
        let note = format!(
            "{subject} is the address of an API on AWS; locally, use the address that start-api prints"
        );
        variables.scope.note(place, note);
    }
    if value.contains("{{resolve:") {
        let note = format!(
            "{subject}: dynamic references are not resolved locally; the value stays as it is"
        );
        variables.scope.note(place, note);
    }
}

/// The logical ids of layers in this template, and the ARNs of others.
fn layers(properties: &Properties<'_, '_>) -> Result<Vec<String>, Problem> {
    let mut layers = Vec::new();
    for node in properties.list("Layers")? {
        let Some(arn) = node.text() else {
            let message = format!(
                "must contain ARNs of layers or references to layers, not {}",
                node.kind()
            );
            return Err(properties.problem("Layers", node.place, &message));
        };
        layers
            .push(layer_with_arn(properties.scope, arn, &node)?.unwrap_or_else(|| arn.to_owned()));
    }
    Ok(layers)
}

/// The logical id of the layer whose `Ref` has this value.
fn layer_with_arn(scope: &Scope<'_>, arn: &str, node: &Node) -> Result<Option<String>, Problem> {
    for resource in scope
        .resources
        .iter()
        .filter(|resource| resource.active && resource.resource_type.ends_with("::LayerVersion"))
    {
        if scope.layer_arn(&scope.physical_name(resource, node.place)?) == arn {
            return Ok(Some(resource.id.clone()));
        }
    }
    Ok(None)
}

/// The part of the resource's `Metadata` that configures `sam build`.
#[derive(Default)]
struct BuildMetadata {
    method: Option<String>,
    binary: Option<String>,
}

fn build_metadata(scope: &Scope<'_>, resource: &Resource) -> Result<BuildMetadata, Problem> {
    let owner = format!("{}.Metadata", resource.id);
    let node = match &resource.metadata {
        Some(node) => scope
            .resolve_outermost(node)
            .map_err(|problem| problem.about(&owner))?,
        None => None,
    };
    let Some(Value::Mapping(mapping)) = node.map(|node| node.value) else {
        return Ok(BuildMetadata::default());
    };
    let metadata = Properties::new(scope, owner, resource.place, mapping);
    let build_properties = metadata.unevaluated_nested("BuildProperties")?;
    Ok(BuildMetadata {
        method: metadata.text("BuildMethod")?,
        binary: match build_properties {
            Some(properties) => binary(&properties)?,
            None => None,
        },
    })
}

/// The binary of a Rust function. It must be a name: as a path, it could lead to any program.
fn binary(build_properties: &Properties<'_, '_>) -> Result<Option<String>, Problem> {
    let Some(name) = build_properties.text("Binary")? else {
        return Ok(None);
    };
    let is_file_name = Path::new(&name).file_name() == Some(name.as_ref());
    if is_file_name && !name.contains('\\') {
        return Ok(Some(name));
    }
    let message = format!(
        "must be the name of a binary without a path, not '{name}'; use a name that Cargo.toml gives to a [[bin]] or to the package"
    );
    Err(build_properties.problem("Binary", build_properties.value_place("Binary"), &message))
}

fn note_properties_without_effect(properties: &Properties<'_, '_>) {
    for (name, reason) in WITHOUT_EFFECT {
        if properties.has(name) {
            let note = format!("{}.{name} has no effect locally{reason}", properties.owner);
            properties.scope.note(properties.key_place(name), note);
        }
    }
}

/// Properties that are ignored locally, each with an explanation for the note, if any.
const WITHOUT_EFFECT: [(&str, &str); 5] = [
    (
        "FunctionUrlConfig",
        ": call the function through its API or by name",
    ),
    ("FileSystemConfigs", ": no file system is mounted"),
    ("ReservedConcurrentExecutions", ""),
    (
        "ProvisionedConcurrencyConfig",
        ": environments start on demand",
    ),
    ("SnapStart", ": every environment runs its init"),
];

/// Lambda Developer Guide, "Lambda runtimes". The guide does not have `ruby3.5` yet; it is in
/// the Lambda API reference (`Runtime` of `FunctionConfiguration`).
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
