//! The programs behind a template: each function's `bootstrap` and each layer's extensions.

mod cargo_package;
mod layer;
mod runnable;
#[cfg(test)]
mod tests;

pub(crate) use layer::extensions;

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use xray_local_template::Function;

use cargo_package::CargoPackage;
use runnable::check_runnable;

use crate::message::Lines;

/// A function's `bootstrap`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Executable {
    /// The program to start. Absolute if the searched folders are.
    pub(crate) bootstrap: PathBuf,
    /// The folder of the code, which is `/var/task` on Lambda.
    pub(crate) task_root: PathBuf,
}

/// The newest `bootstrap` of `function` that can run on this machine:
///
/// - `bootstrap` in its `CodeUri`
/// - the output of `sam build`: `<build_dir>/<logical id>/bootstrap`; `build_dir` is usually
///   `.aws-sam/build` beside the template
/// - the output of `cargo lambda build`: `<target_dir>/lambda/<binary>/bootstrap`
/// - the output of `cargo build`: `<target_dir>/{release,debug}/<binary>`
///
/// The last two are searched only if `CodeUri` holds a Cargo package. The binary is
/// `Metadata.BuildProperties.Binary`, or the package's only one, or the one that the
/// handler names.
///
/// # Errors
///
/// No file was found that can run. The error lists the searched files and the build command.
pub(crate) fn find_binary(
    function: &Function,
    target_dir: &Path,
    build_dir: &Path,
) -> anyhow::Result<Executable> {
    let package = CargoPackage::in_folder(&function.code_uri);
    let binary = package
        .as_ref()
        .map(|package| package.binary(function))
        .transpose()?;
    let mut rejected = Vec::new();
    let mut newest: Option<(SystemTime, Executable)> = None;
    for candidate in candidates(function, target_dir, build_dir, binary.as_deref()) {
        match check_runnable(&candidate.bootstrap) {
            Ok(modified) if newest.as_ref().is_none_or(|(time, _)| modified > *time) => {
                newest = Some((modified, candidate));
            }
            Ok(_) => {}
            Err(reason) => {
                rejected.push(format!("  {} ({reason})", candidate.bootstrap.display()));
            }
        }
    }
    match newest {
        Some((_, executable)) => Ok(executable),
        None => {
            let id = &function.logical_id;
            let first = format!("{id} has no bootstrap that can run on this machine. Searched:");
            let advice = how_to_build(function, package.as_ref(), binary.as_deref());
            let lines = [first].into_iter().chain(rejected).chain(advice);
            Err(Lines::new(lines).into())
        }
    }
}

/// The files that may be the function's `bootstrap`.
fn candidates(
    function: &Function,
    target_dir: &Path,
    build_dir: &Path,
    binary: Option<&str>,
) -> Vec<Executable> {
    let executable = |bootstrap: PathBuf, task_root: &Path| Executable {
        bootstrap,
        task_root: task_root.to_owned(),
    };
    let code = &function.code_uri;
    let sam = build_dir.join(&function.logical_id);
    let mut candidates = vec![
        executable(code.join("bootstrap"), code),
        executable(sam.join("bootstrap"), &sam),
    ];
    if let Some(binary) = binary {
        let lambda = target_dir.join("lambda").join(binary);
        candidates.push(executable(lambda.join("bootstrap"), &lambda));
        for profile in ["release", "debug"] {
            candidates.push(executable(target_dir.join(profile).join(binary), code));
        }
    }
    candidates
}

/// The lines of advice at the end of the error: how this function gets a `bootstrap`.
fn how_to_build(
    function: &Function,
    package: Option<&CargoPackage>,
    binary: Option<&str>,
) -> Vec<String> {
    let folder = function.code_uri.display();
    if let (Some(package), Some(binary)) = (package, binary) {
        let of = package
            .name
            .as_ref()
            .map_or_else(String::new, |name| format!(" -p {name}"));
        return vec![format!(
            "Build it with `cargo build{of} --bin {binary}`, `cargo lambda build{of}` or `sam build`."
        )];
    }
    if function.runtime.starts_with("provided") {
        return vec![format!(
            "Build it with `sam build`, or put an executable `bootstrap` into {folder}."
        )];
    }
    let runtime = &function.runtime;
    let advice = format!(
        "The managed runtime {runtime} does not exist locally. Put an executable `bootstrap` into {folder}"
    );
    let (client, start) = if runtime.starts_with("python") {
        ("pip install awslambdaric", "python3 -m awslambdaric")
    } else if runtime.starts_with("nodejs") {
        ("npm install aws-lambda-ric", "npx aws-lambda-ric")
    } else {
        return vec![format!(
            "{advice} that starts the language's runtime interface client."
        )];
    };
    let handler = &function.handler;
    vec![
        format!("{advice}, after `{client}`:"),
        "  #!/bin/sh".to_owned(),
        format!("  cd \"$LAMBDA_TASK_ROOT\" && exec {start} {handler}"),
    ]
}
