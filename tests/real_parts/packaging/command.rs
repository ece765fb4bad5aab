//! Commands for the tests of the packaging.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Output};

use xray_lambda_tests::{artifact, python};

/// A command of the virtual environment. It runs in the root of the repository, with its
/// own target folder for Cargo.
pub(super) fn tool(name: &str) -> Command {
    command(python::program(name))
}

/// A command that finds the programs of the virtual environment.
pub(super) fn command(program: impl AsRef<OsStr>) -> Command {
    let python = python::program("python");
    let environment = python.parent().expect("the folder bin").display();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new(program);
    // `cargo test` sets these variables for this test; the Cargo that it starts must not
    // see them.
    let of_this_test = |name: &str| {
        ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
    };
    for (name, _) in std::env::vars().filter(|(name, _)| of_this_test(name)) {
        command.env_remove(name);
    }
    command.env_remove("CARGO").env_remove("LD_LIBRARY_PATH");
    // cargo-lambda finds zig through Python in the virtual environment.
    command.env("PATH", format!("{environment}:{path}"));
    command.env("CARGO_TARGET_DIR", target());
    command
        .env("SAM_CLI_TELEMETRY", "0")
        .env("AWS_DEFAULT_REGION", "eu-west-1");
    command.current_dir(artifact::repository());
    command
}

/// The target folder of the builds with these tools.
pub(super) fn target() -> PathBuf {
    artifact::target().join("packaging")
}

/// The output of a program, both streams.
pub(super) fn text(output: &Output) -> String {
    let [stdout, stderr] =
        [&output.stdout, &output.stderr].map(|stream| String::from_utf8_lossy(stream));
    format!("{stdout}{stderr}")
}
