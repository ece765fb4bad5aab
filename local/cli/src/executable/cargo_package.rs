//! The Cargo package in a function's `CodeUri`.

use std::fs;
use std::path::Path;

use anyhow::bail;
use xray_local_template::Function;

pub(super) struct CargoPackage {
    pub(super) name: Option<String>,
    binaries: Vec<String>,
}

impl CargoPackage {
    /// The package whose `Cargo.toml` is in `folder`, if there is one.
    pub(super) fn in_folder(folder: &Path) -> Option<Self> {
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).ok()?;
        let name = names_in(&manifest, "[package]").into_iter().next();
        let mut binaries = names_in(&manifest, "[[bin]]");
        if folder.join("src/main.rs").is_file() && binaries.is_empty() {
            binaries.extend(name.clone());
        }
        for entry in fs::read_dir(folder.join("src/bin"))
            .into_iter()
            .flatten()
            .flatten()
        {
            let path = entry.path();
            let is_binary = path.extension().is_some_and(|extension| extension == "rs")
                || path.join("main.rs").is_file();
            if let Some(stem) = path.file_stem().filter(|_| is_binary) {
                binaries.push(stem.to_string_lossy().into_owned());
            }
        }
        binaries.sort();
        binaries.dedup();
        Some(Self { name, binaries })
    }

    /// The name of the function's binary.
    ///
    /// # Errors
    ///
    /// The package has several binaries and the template does not choose one.
    pub(super) fn binary(&self, function: &Function) -> anyhow::Result<String> {
        if let Some(binary) = &function.binary {
            return Ok(binary.clone());
        }
        match self.binaries.as_slice() {
            [only] => Ok(only.clone()),
            several if several.contains(&function.handler) => Ok(function.handler.clone()),
            [] => Ok(self
                .name
                .clone()
                .unwrap_or_else(|| function.logical_id.clone())),
            several => bail!(
                "{}: {} has the binaries {}; choose one with Metadata.BuildProperties.Binary",
                function.logical_id,
                function.code_uri.join("Cargo.toml").display(),
                several.join(", "),
            ),
        }
    }
}

/// The values of `name = "…"` in each table with this header.
///
/// A full TOML parser is not needed: if a manifest is laid out in another way, no name is
/// found and the error asks for `Metadata.BuildProperties.Binary`. A name that is a path, which
/// Cargo refuses, is ignored: it could lead to any program.
fn names_in(manifest: &str, header: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut inside = false;
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            inside = line.split('#').next().unwrap_or_default().trim_end() == header;
        } else if inside
            && let Some((key, value)) = line.split_once('=')
            && key.trim() == "name"
            && let Some(name) = value
                .trim()
                .strip_prefix('"')
                .and_then(|value| value.split('"').next())
            && Path::new(name).file_name() == Some(name.as_ref())
        {
            names.push(name.to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_the_requested_tables() {
        let manifest = "[package]\nname = \"demo-api\" # it\n[[bin]] # one\nname = \"items\"\npath = \"x\"\n[[bin]]\nname=\"reports\"\n[dependencies]\nname = \"no\"\n";
        assert_eq!(names_in(manifest, "[package]"), ["demo-api"]);
        assert_eq!(names_in(manifest, "[[bin]]"), ["items", "reports"]);
    }

    #[test]
    fn a_name_that_is_a_path_is_ignored() {
        for name in ["../../usr/bin/env", "/bin/sh", "a/b", "a/", "..", ".", ""] {
            let manifest = format!("[[bin]]\nname = \"{name}\"\n[[bin]]\nname = \"items\"\n");
            assert_eq!(names_in(&manifest, "[[bin]]"), ["items"]);
        }
    }
}
