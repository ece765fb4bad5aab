//! The packaging under the tools that users deploy with: SAM CLI and cargo-lambda.
//!
//! Both build with Cargo for Lambda's platform, in a folder of their own beside this
//! test's, unoptimised: what is tested is the way there.

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
async fn cargo_lambda_builds_the_extension_as_a_layer_holds_it() {
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

/// A program of the virtual environment, in the repository, with Cargo's builds apart
/// from ours.
fn tool(name: &str) -> Command {
    let program = python::program(name);
    let environment = program
        .parent()
        .expect("it lies in bin")
        .display()
        .to_string();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new(program);
    // What `cargo test` sets for this test is not meant for a Cargo within it.
    let of_this_test = |name: &str| {
        ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
    };
    for (name, _) in std::env::vars().filter(|(name, _)| of_this_test(name)) {
        command.env_remove(name);
    }
    command.env_remove("CARGO").env_remove("LD_LIBRARY_PATH");
    // cargo-lambda finds zig through the environment's Python.
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
    let ours = artifact::plain_function();
    ours.ancestors()
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
    let program = fs::read(path).expect("it can be read");
    assert_eq!(
        program.get(..4),
        Some(&b"\x7fELF"[..]),
        "{} is no program",
        path.display()
    );
}
