//! Reads an AWS SAM template: functions, events, tables, layers.
//!
//! [`load`] evaluates a template for one desk: parameters and conditions, Globals and
//! intrinsic functions. What it cannot run it notes; what is wrong is an error with its
//! file, line and column, and the nearest name that would be right.

mod error;
mod globals;
mod intrinsics;
mod model;
mod parameters;
mod place;
mod resources;
mod schema;
mod source;
mod suggest;
mod template;

use std::fs;
use std::path::{Path, PathBuf};

pub use error::TemplateError;
pub use model::*;

/// Reads the template at `path`, YAML or JSON, with every intrinsic function evaluated.
///
/// # Errors
///
/// The file cannot be read, or something in it is wrong: everything that is, each with
/// its place.
pub fn load(path: &Path, context: &StackContext) -> Result<Template, TemplateError> {
    let bytes = fs::read(path).map_err(|error| {
        TemplateError::io(
            format!("cannot read the template {}: {error}", path.display()),
            error,
        )
    })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        TemplateError::new(format!("{} is no UTF-8 text: {error}", path.display()))
    })?;
    parse(path, &text, context)
}

/// Reads `text` as the template that is, or could be, at `path`.
///
/// # Errors
///
/// As [`load`].
pub fn parse(path: &Path, text: &str, context: &StackContext) -> Result<Template, TemplateError> {
    let folder = folder(path);
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    source::read(text)
        .map_err(|problem| vec![problem])
        .and_then(|document| template::template(&document, context, path, &folder))
        .map_err(|problems| TemplateError::in_file(path, text, problems))
}

/// The template's folder, absolute: what its paths are relative to.
fn folder(path: &Path) -> PathBuf {
    let folder = path.parent().unwrap_or(Path::new(""));
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned())
}
