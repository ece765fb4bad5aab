//! The external extensions of a layer.

use std::fs;
use std::path::PathBuf;

use anyhow::bail;
use xray_local_template::Layer;

use super::runnable::check_runnable;

/// An executable file in `<ContentUri>/extensions/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Extension {
    /// The file name, under which the extension registers.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
}

/// The extensions in `layer`, sorted by name.
///
/// # Errors
///
/// The layer's folder does not exist, or a file in `extensions/` cannot run. On Lambda, no
/// function with such a layer would start.
pub(crate) fn extensions(layer: &Layer) -> anyhow::Result<Vec<Extension>> {
    let id = &layer.logical_id;
    if !layer.content_uri.is_dir() {
        let folder = layer.content_uri.display();
        bail!("layer {id}: its ContentUri {folder} is not a folder; has the layer been built?");
    }
    let folder = layer.content_uri.join("extensions");
    let Ok(entries) = fs::read_dir(&folder) else {
        return Ok(Vec::new());
    };
    let mut extensions = Vec::new();
    // Folders hold an extension's own files. Only the files in `extensions/` are started.
    for path in entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
    {
        if let Err(reason) = check_runnable(&path) {
            bail!(
                "layer {id}: the extension {} cannot run: {reason}",
                path.display()
            );
        }
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        extensions.push(Extension { name, path });
    }
    extensions.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(extensions)
}
