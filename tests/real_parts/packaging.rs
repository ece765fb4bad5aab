//! The packaging with the tools that users deploy with: SAM CLI and cargo-lambda.
//!
//! Both build with Cargo for Lambda's platform, in their own target folder and without
//! optimization: the tests check the build, not the speed of its result.

mod template;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use xray_lambda_tests::process::Process;
use xray_lambda_tests::{artifact, python};

/// A cold build on two cores takes about three minutes.
const BUILD: Duration = Duration::from_secs(20 * 60);

#[tokio::test]
async fn the_template_passes_sams_linter() {
    let mut sam = tool("sam");
    sam.args(["validate", "--lint", "--template", "template.yaml"]);
    Process::spawn("sam validate", sam).wait_for_success().await;
}

#[tokio::test]
async fn sam_builds_every_function_of_the_template() {
    let build = tempfile::tempdir().expect("a temporary folder");
    let mut sam = tool("sam");
    sam.args(["build", "--template", "template.yaml", "--build-dir"])
        .arg(build.path());
    sam.env("SAM_BUILD_MODE", "debug");
    Process::spawn("sam build", sam)
        .wait_for_success_within(BUILD)
        .await;

    assert!(build.path().join("template.yaml").is_file());
    for function in ["ItemsFunction", "ReportsFunction"] {
        assert_program(&build.path().join(function).join("bootstrap"));
    }
}

#[tokio::test]
async fn cargo_lambda_builds_the_extension_for_a_layer() {
    let mut cargo = tool("cargo-lambda");
    cargo.args([
        "lambda",
        "build",
        "--extension",
        "--package",
        "xray-lambda-extension",
    ]);
    Process::spawn("cargo lambda build", cargo)
        .wait_for_success_within(BUILD)
        .await;
    assert_program(&target().join("lambda/extensions/xray-lambda-extension"));
}

/// A command of the virtual environment. It runs in the root of the repository, with its
/// own target folder for Cargo.
fn tool(name: &str) -> Command {
    let program = python::program(name);
    let environment = program
        .parent()
        .expect("the folder bin")
        .display()
        .to_string();
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

fn target() -> PathBuf {
    // target/debug/plain-function
    let binary = artifact::plain_function();
    binary
        .ancestors()
        .nth(2)
        .expect("the target folder")
        .join("packaging")
}

fn assert_program(path: &Path) {
    let metadata = fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(
        metadata.permissions().mode() & 0o111 != 0,
        "{} is not executable",
        path.display()
    );
    let program = fs::read(path).expect("a readable file");
    assert_eq!(
        program.get(..4),
        Some(&b"\x7fELF"[..]),
        "{} is not an ELF program",
        path.display()
    );
}
