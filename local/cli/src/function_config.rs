//! The sandbox's configuration of a template's functions.

use std::collections::BTreeSet;
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
    warn_of_missing_layers(template, options)?;
    let functions = template.functions.iter();
    functions
        .map(|function| configure_one(function, template, options, context, &overrides))
        .collect()
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
    let mut extension_paths = Vec::new();
    for name in &function.layers {
        extension_paths.extend(layer_extensions(name, template, options)?);
    }
    Ok(FunctionConfig {
        name: function.name.clone(),
        region: context.region.clone(),
        account_id: context.account_id.clone(),
        handler: function.handler.clone(),
        task_root: executable.task_root,
        bootstrap: executable.bootstrap,
        extensions: extension_paths,
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

/// The paths of a layer's extensions; empty if the layer is missing.
fn layer_extensions(
    name: &str,
    template: &Template,
    options: &FunctionOptions,
) -> anyhow::Result<Vec<PathBuf>> {
    let Some(layer) = find_layer(name, template, options)? else {
        return Ok(Vec::new());
    };
    let found = extensions(&layer)
        .with_context(|| format!("layer {name} (--layer {name}=DIR uses another folder)"))?;
    Ok(found.into_iter().map(|extension| extension.path).collect())
}

/// Finds a layer: the folder of `--layer`, else the layer of the template.
fn find_layer(
    name: &str,
    template: &Template,
    options: &FunctionOptions,
) -> anyhow::Result<Option<Layer>> {
    if let Some(option) = options.layers.iter().find(|option| option.name == name) {
        return Ok(Some(Layer {
            logical_id: name.to_owned(),
            // Absolute, because a process starts in the folder of its own code.
            content_uri: std::path::absolute(&option.value)?,
        }));
    }
    let mut layers = template.layers.iter();
    Ok(layers.find(|layer| layer.logical_id == name).cloned())
}

/// Warns once of each layer that is neither in the template nor given with `--layer`.
fn warn_of_missing_layers(template: &Template, options: &FunctionOptions) -> anyhow::Result<()> {
    let functions = template.functions.iter();
    let names: BTreeSet<&String> = functions.flat_map(|function| &function.layers).collect();
    for name in names {
        if find_layer(name, template, options)?.is_none() {
            note(format_args!(
                "layer {name} is skipped: it is not on this machine; give its folder with --layer {name}=DIR"
            ));
        }
    }
    Ok(())
}

fn template_folder(template: &Path) -> PathBuf {
    let absolute = std::path::absolute(template).unwrap_or_else(|_| template.to_owned());
    absolute
        .parent()
        .map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// Cargo's target directory: from `--target-dir`, else `target` beside the nearest
/// `Cargo.lock` in or above the template's folder, else `target` in that folder.
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
    for option in &options.layers {
        if !functions
            .iter()
            .any(|function| function.layers.contains(&option.name))
        {
            note(format_args!(
                "--layer {} has no effect: no function of the template has this layer",
                option.name
            ));
        }
    }
    for group in overrides.keys().filter(|group| *group != ALL_FUNCTIONS) {
        if !functions
            .iter()
            .any(|function| function.logical_id == *group || function.name == *group)
        {
            note(format_args!(
                "--env-vars: {group} has no effect: the template has no function of this name"
            ));
        }
    }
}
