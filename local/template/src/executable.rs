//! Where the built `bootstrap` of a function is, and the extensions of a layer.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::{Function, Layer, TemplateError};

/// A function's `bootstrap`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executable {
    /// What to start, absolute if the paths it was looked for in are.
    pub bootstrap: PathBuf,
    /// What is `/var/task` on Lambda: the folder of the code.
    pub task_root: PathBuf,
}

/// An external extension of a layer: an executable in `<ContentUri>/extensions/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// The file's name, which Lambda registers it under.
    pub name: String,
    pub path: PathBuf,
}

/// The newest `bootstrap` of `function`, of those that run on this machine:
///
/// - `bootstrap` in its `CodeUri`
/// - what `sam build` left: `<build_dir>/<logical id>/bootstrap`; `build_dir` is usually
///   `.aws-sam/build` beside the template
/// - what `cargo lambda build` left: `<target_dir>/lambda/<binary>/bootstrap`
/// - what `cargo build` left: `<target_dir>/{release,debug}/<binary>`
///
/// The last two where `CodeUri` holds a Cargo package; the binary is
/// `Metadata.BuildProperties.Binary`, or the package's only one.
///
/// # Errors
///
/// None was found: names the places looked at and the command that builds one.
pub fn find_binary(
    function: &Function,
    target_dir: &Path,
    build_dir: &Path,
) -> Result<Executable, TemplateError> {
    let package = Package::in_folder(&function.code_uri);
    let binary = package
        .as_ref()
        .map(|package| package.binary(function))
        .transpose()?;
    let mut candidates = vec![
        candidate(function.code_uri.join("bootstrap"), &function.code_uri),
        candidate(
            build_dir.join(&function.logical_id).join("bootstrap"),
            &build_dir.join(&function.logical_id),
        ),
    ];
    if let Some(binary) = &binary {
        let lambda = target_dir.join("lambda").join(binary);
        candidates.push(candidate(lambda.join("bootstrap"), &lambda));
        for profile in ["release", "debug"] {
            candidates.push(candidate(
                target_dir.join(profile).join(binary),
                &function.code_uri,
            ));
        }
    }
    let mut looked_at = Vec::new();
    let mut newest: Option<(SystemTime, Executable)> = None;
    for candidate in candidates {
        match runs_here(&candidate.bootstrap) {
            Ok(modified) if newest.as_ref().is_none_or(|(time, _)| modified > *time) => {
                newest = Some((modified, candidate));
            }
            Ok(_) => {}
            Err(why) => looked_at.push(format!("  {} ({why})", candidate.bootstrap.display())),
        }
    }
    match newest {
        Some((_, executable)) => Ok(executable),
        None => Err(TemplateError::new(format!(
            "{} has no bootstrap that runs here. Looked at:\n{}\n{}",
            function.logical_id,
            looked_at.join("\n"),
            how_to_build(function, package.as_ref(), binary.as_deref()),
        ))),
    }
}

/// The extensions in `layer`, by name.
///
/// # Errors
///
/// The layer's folder is not there, or a file in it cannot be run: on Lambda no function
/// with such a layer would start.
pub fn extensions(layer: &Layer) -> Result<Vec<Extension>, TemplateError> {
    let id = &layer.logical_id;
    if !layer.content_uri.is_dir() {
        let folder = layer.content_uri.display();
        return Err(TemplateError::new(format!(
            "layer {id}: its ContentUri {folder} is no folder; has the layer been built?"
        )));
    }
    let folder = layer.content_uri.join("extensions");
    let Ok(entries) = fs::read_dir(&folder) else {
        return Ok(Vec::new());
    };
    let mut extensions = Vec::new();
    // Folders hold what the extensions need; only files are started.
    for path in entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
    {
        if let Err(why) = runs_here(&path) {
            return Err(TemplateError::new(format!(
                "layer {id}: the extension {} cannot run: {why}",
                path.display()
            )));
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

fn candidate(bootstrap: PathBuf, task_root: &Path) -> Executable {
    Executable {
        bootstrap,
        task_root: task_root.to_owned(),
    }
}

/// When it was modified, or why it does not run on this machine.
fn runs_here(path: &Path) -> Result<SystemTime, String> {
    let metadata = fs::metadata(path).map_err(|_| "not there".to_owned())?;
    if !metadata.is_file() {
        return Err("no file".to_owned());
    }
    if !is_executable(&metadata) {
        return Err(format!("not executable; run `chmod +x {}`", path.display()));
    }
    if let Some(machine) = elf_machine(path)
        && machine != this_machine()
    {
        return Err(format!(
            "built for {machine}, and this machine is {}",
            this_machine()
        ));
    }
    metadata.modified().map_err(|error| error.to_string())
}

#[cfg(unix)]
fn is_executable(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &fs::Metadata) -> bool {
    true
}

/// Lambda's name of the architecture that an ELF file is for; `None` for a script.
fn elf_machine(path: &Path) -> Option<&'static str> {
    let mut header = [0; 20];
    fs::File::open(path).ok()?.read_exact(&mut header).ok()?;
    if !header.starts_with(b"\x7fELF") {
        return None;
    }
    // `e_machine`, in a little-endian file as both of Lambda's architectures have.
    match u16::from_le_bytes([header[18], header[19]]) {
        0x3e => Some("x86_64"),
        0xb7 => Some("arm64"),
        _ => Some("another architecture"),
    }
}

fn this_machine() -> &'static str {
    match std::env::consts::ARCH {
        "aarch64" => "arm64",
        other => other,
    }
}

/// The Cargo package in a function's `CodeUri`.
struct Package {
    name: Option<String>,
    binaries: Vec<String>,
}

impl Package {
    fn in_folder(folder: &Path) -> Option<Self> {
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

    fn binary(&self, function: &Function) -> Result<String, TemplateError> {
        if let Some(binary) = &function.binary {
            return Ok(binary.clone());
        }
        match self.binaries.as_slice() {
            [only] => Ok(only.clone()),
            // A handler that is a binary's name says which one.
            several if several.contains(&function.handler) => Ok(function.handler.clone()),
            [] => Ok(self
                .name
                .clone()
                .unwrap_or_else(|| function.logical_id.clone())),
            several => Err(TemplateError::new(format!(
                "{}: {} has the binaries {}; say which one is the function's in Metadata.BuildProperties.Binary",
                function.logical_id,
                function.code_uri.join("Cargo.toml").display(),
                several.join(", "),
            ))),
        }
    }
}

/// The `name = "…"` of each table with that header. A manifest that is laid out in
/// another way gives no names, and the error then asks for `Binary`.
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
        {
            names.push(name.to_owned());
        }
    }
    names
}

fn how_to_build(function: &Function, package: Option<&Package>, binary: Option<&str>) -> String {
    let folder = function.code_uri.display();
    if let (Some(package), Some(binary)) = (package, binary) {
        let of = package
            .name
            .as_ref()
            .map_or_else(String::new, |name| format!(" -p {name}"));
        return format!(
            "Build it with `cargo build{of} --bin {binary}`, `cargo lambda build{of}` or `sam build`."
        );
    }
    if function.runtime.starts_with("provided") {
        return format!(
            "Build it with `sam build`, or put an executable `bootstrap` into {folder}."
        );
    }
    let runtime = &function.runtime;
    let mut hint = format!(
        "A desk has no managed runtimes such as {runtime}, only `bootstrap`s. Put an executable one into {folder}"
    );
    if runtime.starts_with("python") {
        hint.push_str(&format!(
            ", after `pip install awslambdaric`:\n  #!/bin/sh\n  cd \"$LAMBDA_TASK_ROOT\" && exec python3 -m awslambdaric {}",
            function.handler
        ));
    } else if runtime.starts_with("nodejs") {
        hint.push_str(&format!(
            ", after `npm install aws-lambda-ric`:\n  #!/bin/sh\n  cd \"$LAMBDA_TASK_ROOT\" && exec npx aws-lambda-ric {}",
            function.handler
        ));
    } else {
        hint.push_str(" that starts the language's runtime interface client.");
    }
    hint
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_the_tables_asked_for() {
        let manifest = "[package]\nname = \"demo-api\" # it\n[[bin]] # one\nname = \"items\"\npath = \"x\"\n[[bin]]\nname=\"reports\"\n[dependencies]\nname = \"no\"\n";
        assert_eq!(names_in(manifest, "[package]"), ["demo-api"]);
        assert_eq!(names_in(manifest, "[[bin]]"), ["items", "reports"]);
    }
}
