//! The virtual environment that `tests/setup.sh` creates, and its programs.

use std::path::PathBuf;
use std::process::Command;

use crate::artifact;
use crate::process::Process;

/// A program of the virtual environment: `python`, `aws`, `sam`, `moto_server`, …
///
/// # Panics
/// If it is missing.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    let program = virtual_environment().join("bin").join(name);
    assert!(
        program.exists(),
        "{} is missing: run tests/setup.sh, which installs the third-party programs",
        program.display()
    );
    program
}

/// A file of an installed package: `site-packages/<path>`.
///
/// # Panics
/// If it is missing.
#[must_use]
pub fn installed_file(path: &str) -> PathBuf {
    let lib = virtual_environment().join("lib");
    let found = std::fs::read_dir(&lib)
        .into_iter()
        .flatten()
        .flatten()
        .map(|python| python.path().join("site-packages").join(path))
        .find(|file| file.exists());
    found.unwrap_or_else(|| {
        panic!(
            "{path} is missing in {}: run tests/setup.sh, which installs the third-party programs",
            lib.display()
        )
    })
}

/// Runs a Python script of the folder `tests` and waits for its end. Returns its stdout.
///
/// # Panics
/// If it fails.
pub async fn run(script: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program("python"));
    command
        .arg(artifact::repository().join("tests").join(script))
        .args(arguments)
        .env_clear()
        .envs(client_environment())
        .env("PATH", "/usr/bin:/bin");
    Process::spawn(script, command).wait_for_success().await
}

/// The variables that AWS clients need: credentials and the region. The servers in the tests do
/// not check the credentials.
#[must_use]
pub fn client_environment() -> [(&'static str, &'static str); 4] {
    [
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        (
            "AWS_SECRET_ACCESS_KEY",
            "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        ),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_DEFAULT_REGION", "eu-west-1"),
    ]
}

fn virtual_environment() -> PathBuf {
    let folder = std::env::var_os("XRAY_LAMBDA_VENV").unwrap_or_else(|| ".venv".into());
    artifact::repository().join(folder)
}
