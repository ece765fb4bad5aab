//! From the template's function to the sandbox's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use xray_local_sandbox::{FunctionConfig, TracingMode};
use xray_local_template::{Function, Layer, StackContext, Template};

use crate::arguments::Functions;
use crate::executable::{extensions, find_binary};

/// Every function of the template, ready to run.
pub(crate) fn configure(
    template: &Template,
    arguments: &Functions,
    context: &StackContext,
) -> anyhow::Result<Vec<FunctionConfig>> {
    let overrides = read_env_vars(arguments.env_vars.as_deref())?;
    warn_of_the_unused(template, arguments, &overrides);
    let configure = |function| configure_one(function, template, arguments, context, &overrides);
    template.functions.iter().map(configure).collect()
}

fn configure_one(
    function: &Function,
    template: &Template,
    arguments: &Functions,
    context: &StackContext,
    overrides: &EnvVars,
) -> anyhow::Result<FunctionConfig> {
    let folder = template_folder(&arguments.template);
    let build = folder.join(".aws-sam").join("build");
    let executable = find_binary(function, &target_directory(arguments, &folder), &build)?;
    let mut environment = function.environment.clone();
    for group in ["Parameters", &function.logical_id, &function.name] {
        environment.extend(overrides.get(group).cloned().unwrap_or_default());
    }
    let mut found = Vec::new();
    for name in &function.layers {
        found.extend(layer_extensions(name, template, arguments)?);
    }
    Ok(FunctionConfig {
        name: function.name.clone(),
        region: context.region.clone(),
        account_id: context.account_id.clone(),
        handler: function.handler.clone(),
        task_root: executable.task_root,
        bootstrap: executable.bootstrap,
        extensions: found,
        timeout: function.timeout,
        memory_mb: function.memory_mb,
        tracing: if function.active_tracing {
            TracingMode::Active
        } else {
            TracingMode::PassThrough
        },
        environment,
    })
}

/// The extensions in a layer: of the folder that `--layer` names, else of the template's.
fn layer_extensions(
    name: &str,
    template: &Template,
    arguments: &Functions,
) -> anyhow::Result<Vec<PathBuf>> {
    let stand_in = arguments.layers.iter().find(|layer| layer.name == name);
    let own = template
        .layers
        .iter()
        .find(|layer| layer.logical_id == name);
    let layer = match (stand_in, own) {
        (Some(pair), _) => Layer {
            logical_id: name.to_owned(),
            // Processes start in the folder of their code, so no path may depend on ours.
            content_uri: std::path::absolute(&pair.value)?,
        },
        (None, Some(layer)) => layer.clone(),
        (None, None) => {
            eprintln!(
                "xray-local: layer {name} is not on this machine and left out; --layer {name}=DIR names a folder in its place"
            );
            return Ok(Vec::new());
        }
    };
    let found = extensions(&layer)
        .with_context(|| format!("layer {name} (--layer {name}=DIR takes another folder)"))?;
    Ok(found.into_iter().map(|extension| extension.path).collect())
}

pub(crate) fn template_folder(template: &Path) -> PathBuf {
    let absolute = std::path::absolute(template).unwrap_or_else(|_| template.to_owned());
    absolute
        .parent()
        .map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// Cargo's target directory: the one that is named, else `target` beside the nearest
/// `Cargo.lock` above the template.
fn target_directory(arguments: &Functions, folder: &Path) -> PathBuf {
    let named = arguments.target_dir.as_deref().map(|named| {
        // As for layers: not relative to where this program happens to run.
        std::path::absolute(named).unwrap_or_else(|_| named.to_owned())
    });
    let workspace = || {
        folder
            .ancestors()
            .find(|folder| folder.join("Cargo.lock").is_file())
    };
    named.unwrap_or_else(|| workspace().unwrap_or(folder).join("target"))
}

/// What was asked for and has no effect is said: it is likely a typing error.
fn warn_of_the_unused(template: &Template, arguments: &Functions, overrides: &EnvVars) {
    let functions = &template.functions;
    for layer in &arguments.layers {
        if !functions
            .iter()
            .any(|function| function.layers.contains(&layer.name))
        {
            eprintln!(
                "xray-local: --layer {}: no function of the template has that layer",
                layer.name
            );
        }
    }
    for group in overrides.keys().filter(|group| *group != "Parameters") {
        if !functions
            .iter()
            .any(|function| function.logical_id == *group || function.name == *group)
        {
            eprintln!("xray-local: --env-vars: the template has no function {group}");
        }
    }
}

type EnvVars = BTreeMap<String, BTreeMap<String, String>>;

fn read_env_vars(file: Option<&Path>) -> anyhow::Result<EnvVars> {
    let Some(file) = file else {
        return Ok(EnvVars::new());
    };
    let shown = file.display();
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read --env-vars {shown}"))?;
    let groups: BTreeMap<String, serde_json::Value> = serde_json::from_str(&text)
        .with_context(|| format!("--env-vars {shown} is not a JSON object"))?;
    let mut read = EnvVars::new();
    for (group, variables) in groups {
        let serde_json::Value::Object(variables) = variables else {
            bail!(
                "--env-vars {shown}: \"{group}\" must be an object of variables, such as {{\"{group}\": {{\"NAME\": \"value\"}}}}"
            );
        };
        let text = |value: serde_json::Value| match value {
            serde_json::Value::String(text) => text,
            serde_json::Value::Null => String::new(),
            other => other.to_string(),
        };
        let variables: BTreeMap<_, _> = variables
            .into_iter()
            .map(|(name, value)| (name, text(value)))
            .collect();
        let impossible = |(name, value): &(&String, &String)| {
            name.is_empty() || name.contains(['=', '\0']) || value.contains('\0')
        };
        if let Some((name, _)) = variables.iter().find(impossible) {
            bail!(
                "--env-vars {shown}: \"{group}\" sets \"{}\", which cannot be an environment variable",
                name.escape_debug()
            );
        }
        read.insert(group, variables);
    }
    Ok(read)
}
