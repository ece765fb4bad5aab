//! The sandbox's configuration of a template's functions.

use std::path::{Path, PathBuf};

use anyhow::Context;
use xray_local_sandbox::{FunctionConfig, TracingMode};
use xray_local_template::{Function, Layer, StackContext, Template};

use crate::arguments::FunctionOptions;
use crate::env_vars::{ALL_FUNCTIONS, EnvVars, read_env_vars};
use crate::executable::{extensions, find_binary};
use crate::message::note;

/// The configuration of every function of the template.
///
/// # Errors
///
/// A function has no `bootstrap`, a layer is not built, or `--env-vars` cannot be read.
pub(crate) fn configure(
    template: &Template,
    options: &FunctionOptions,
    context: &StackContext,
) -> anyhow::Result<Vec<FunctionConfig>> {
    let overrides = read_env_vars(options.env_vars.as_deref())?;
    warn_of_unused_options(template, options, &overrides);
    let configure = |function| configure_one(function, template, options, context, &overrides);
    template.functions.iter().map(configure).collect()
}

fn configure_one(
    function: &Function,
    template: &Template,
    options: &FunctionOptions,
    context: &StackContext,
    overrides: &EnvVars,
) -> anyhow::Result<FunctionConfig> {
    let folder = template_folder(&options.template);
    let build = folder.join(".aws-sam").join("build");
    let executable = find_binary(function, &target_directory(options, &folder), &build)?;
    let mut environment = function.environment.clone();
    for group in [ALL_FUNCTIONS, &function.logical_id, &function.name] {
        environment.extend(overrides.get(group).cloned().unwrap_or_default());
    }
    let mut extensions = Vec::new();
    for name in &function.layers {
        extensions.extend(layer_extensions(name, template, options)?);
    }
    Ok(FunctionConfig {
        name: function.name.clone(),
        region: context.region.clone(),
        account_id: context.account_id.clone(),
        handler: function.handler.clone(),
        task_root: executable.task_root,
        bootstrap: executable.bootstrap,
        extensions,
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

/// The extensions of a layer: from the folder of `--layer`, else from the template's layer.
fn layer_extensions(
    name: &str,
    template: &Template,
    options: &FunctionOptions,
) -> anyhow::Result<Vec<PathBuf>> {
    let replacement = options.layers.iter().find(|layer| layer.name == name);
    let own = template
        .layers
        .iter()
        .find(|layer| layer.logical_id == name);
    let layer = match (replacement, own) {
        (Some(pair), _) => Layer {
            logical_id: name.to_owned(),
            // Absolute, because a process starts in the folder of its own code.
            content_uri: std::path::absolute(&pair.value)?,
        },
        (None, Some(layer)) => layer.clone(),
        (None, None) => {
            note(format_args!(
                "layer {name} is skipped: it is not on this machine; give its folder with --layer {name}=DIR"
            ));
            return Ok(Vec::new());
        }
    };
    let found = extensions(&layer)
        .with_context(|| format!("layer {name} (--layer {name}=DIR uses another folder)"))?;
    Ok(found.into_iter().map(|extension| extension.path).collect())
}

fn template_folder(template: &Path) -> PathBuf {
    let absolute = std::path::absolute(template).unwrap_or_else(|_| template.to_owned());
    absolute
        .parent()
        .map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// Cargo's target directory: from `--target-dir`, else `target` beside the nearest
/// `Cargo.lock` above the template.
fn target_directory(options: &FunctionOptions, folder: &Path) -> PathBuf {
    let given = options.target_dir.as_deref().map(|given| {
        // Absolute, because a process starts in the folder of its own code.
        std::path::absolute(given).unwrap_or_else(|_| given.to_owned())
    });
    let workspace = || {
        folder
            .ancestors()
            .find(|folder| folder.join("Cargo.lock").is_file())
    };
    given.unwrap_or_else(|| workspace().unwrap_or(folder).join("target"))
}

/// Warns of options that match no function: they are probably misspelt.
fn warn_of_unused_options(template: &Template, options: &FunctionOptions, overrides: &EnvVars) {
    let functions = &template.functions;
    for layer in &options.layers {
        if !functions
            .iter()
            .any(|function| function.layers.contains(&layer.name))
        {
            note(format_args!(
                "--layer {} has no effect: no function of the template has this layer",
                layer.name
            ));
        }
    }
    for group in overrides.keys().filter(|group| *group != ALL_FUNCTIONS) {
        if !functions
            .iter()
            .any(|function| function.logical_id == *group || function.name == *group)
        {
            note(format_args!(
                "group {group} of --env-vars has no effect: the template has no function {group}"
            ));
        }
    }
}
