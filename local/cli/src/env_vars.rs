//! The file of `--env-vars`, in the form of `sam local`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail};
use serde_json::{Map, Value};

/// Variables by group: a function's logical id or name, or [`ALL_FUNCTIONS`].
pub(crate) type EnvVars = BTreeMap<String, BTreeMap<String, String>>;

/// SAM's name of the group for all functions.
pub(crate) const ALL_FUNCTIONS: &str = "Parameters";

/// Reads the file, if one is given.
///
/// # Errors
///
/// The file cannot be read or is not a JSON object of objects, or a variable's name is empty
/// or contains `=`, or a NUL is in a name or value.
pub(crate) fn read_env_vars(file: Option<&Path>) -> anyhow::Result<EnvVars> {
    let Some(file) = file else {
        return Ok(EnvVars::new());
    };
    let shown = file.display();
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read --env-vars {shown}"))?;
    let groups: BTreeMap<String, Value> = serde_json::from_str(&text)
        .with_context(|| format!("--env-vars {shown} is not a JSON object"))?;
    let mut read = EnvVars::new();
    for (group, variables) in groups {
        let Value::Object(variables) = variables else {
            bail!(
                "--env-vars {shown}: \"{group}\" must be an object of variables, such as {{\"{group}\": {{\"NAME\": \"value\"}}}}"
            );
        };
        let variables = variables_of(variables)
            .with_context(|| format!("--env-vars {shown}: group \"{group}\""))?;
        read.insert(group, variables);
    }
    Ok(read)
}

fn variables_of(group: Map<String, Value>) -> anyhow::Result<BTreeMap<String, String>> {
    let mut variables = BTreeMap::new();
    for (name, value) in group {
        let value = match value {
            Value::String(text) => text,
            Value::Null => String::new(),
            other => other.to_string(),
        };
        if name.is_empty() {
            bail!("a variable has an empty name");
        }
        if name.contains('=') {
            bail!("the name \"{name}\" contains '='");
        }
        if name.contains('\0') || value.contains('\0') {
            bail!("\"{}\" contains a NUL character", name.escape_debug());
        }
        variables.insert(name, value);
    }
    Ok(variables)
}
