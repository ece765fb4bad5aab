//! Reads an AWS SAM template: functions, events, tables, layers.
//!
//! [`load`] evaluates the parameters, conditions, Globals and intrinsic functions of a
//! template for one [`StackContext`]. The result is a [`Template`] with the functions, APIs,
//! tables and layers that can run on one machine.
//!
//! A resource that has no effect locally becomes a note in [`Template::notes`]. A mistake is an
//! error with its file, line and column, and with the nearest known name.
//!
//! Nothing is read except the template itself: paths in it are made absolute, but not opened.

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

/// The most bytes of a template. CloudFormation accepts 1 MB after `sam package` (CloudFormation
/// quotas, template body size in an S3 object); a source template may be larger.
const MAX_TEMPLATE_BYTES: u64 = 8 * 1024 * 1024;

/// Reads the template at `path`, in YAML or JSON, and evaluates every intrinsic function.
///
/// # Errors
///
/// The file cannot be read, or the template has mistakes. The error lists all of them.
pub fn load(path: &Path, context: &StackContext) -> Result<Template, TemplateError> {
    let file = path.display();
    let cannot_read =
        |error| TemplateError::file(format!("cannot read the template {file}"), error);
    let size = fs::metadata(path).map_err(cannot_read)?.len();
    if size > MAX_TEMPLATE_BYTES {
        return Err(TemplateError::new(format!(
            "the template {file} has {size} bytes; at most {MAX_TEMPLATE_BYTES} are read"
        )));
    }
    let bytes = fs::read(path).map_err(cannot_read)?;
    let text = String::from_utf8(bytes)
        .map_err(|error| TemplateError::file(format!("{file} is not UTF-8 text"), error))?;
    parse(path, &text, context)
}

/// Reads `text` as if it were the content of `path`.
///
/// # Errors
///
/// The template has mistakes. The error lists all of them.
pub fn parse(path: &Path, text: &str, context: &StackContext) -> Result<Template, TemplateError> {
    let folder = folder(path);
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    source::read(text)
        .map_err(|problem| vec![problem])
        .and_then(|document| template::read(&document, context, path, &folder))
        .map_err(|problems| TemplateError::in_file(path, text, problems))
}

/// The template's folder as an absolute path. Paths in the template are relative to it.
fn folder(path: &Path) -> PathBuf {
    let folder = path.parent().unwrap_or(Path::new(""));
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned())
}
