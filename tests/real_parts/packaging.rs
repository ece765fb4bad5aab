//! The packaging with the tools that users deploy with: SAM CLI and cargo-lambda.
//!
//! Both build with Cargo for Lambda's platform, in their own target folder and without
//! optimization: the tests check the build, not the speed of its result.

mod audit;
mod checkout;
mod command;
mod layer;
mod policy;
mod template;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use xray_lambda_tests::process::Process;

use command::{target, tool};

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
