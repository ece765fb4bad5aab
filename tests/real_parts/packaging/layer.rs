//! The layer's zips, as `make layer` writes them.

use std::fs;

use super::checkout::Checkout;
use super::command::text;

const ARM64: &str = "aarch64-unknown-linux-gnu";
const ZIP: &str = "dist/xray-lambda-extension-x86_64.zip";

#[test]
fn an_architecture_that_cannot_be_built_is_an_error_before_the_build() {
    let checkout = Checkout::new().without_std(ARM64);
    let output = checkout.make(&["layer"]);
    let text = text(&output);
    assert!(!output.status.success(), "{text}");
    for expected in [
        "error: no network",
        "cannot build for arm64",
        "rustup target add aarch64-unknown-linux-gnu",
        "make layer ARCH='x86_64'",
    ] {
        assert!(text.contains(expected), "no `{expected}` in:\n{text}");
    }
    assert!(!checkout.cargo_calls().contains("zigbuild"), "{text}");
}

#[test]
fn a_named_architecture_is_built_alone() {
    let checkout = Checkout::new().without_std(ARM64);
    checkout.make_successfully(&["layer", "ARCH=x86_64"]);
    assert!(checkout.root().join(ZIP).is_file());
    assert!(!checkout.cargo_calls().contains(ARM64));
    // SAM zips this folder. Lambda rejects a layer from an empty one.
    let other = fs::read_dir(checkout.root().join("dist/layer-arm64"));
    assert_eq!(other.expect("the folder for SAM").count(), 0);
}

#[test]
fn a_linker_with_other_bytes_than_the_pinned_ones_is_not_installed() {
    let checkout = Checkout::new();
    let wheels = tempfile::tempdir().expect("a temporary folder");
    let requirements = checkout.read("scripts/layer-requirements.txt");
    for requirement in requirements.lines().filter(|line| line.contains("==")) {
        let (name, version) = requirement.split_once("==").expect("a pinned version");
        let version = version.trim_end_matches(" \\");
        let wheel = format!("{}-{version}-py3-none-any.whl", name.replace('-', "_"));
        fs::write(wheels.path().join(wheel), "not the pinned bytes").expect("a writable file");
    }
    let mut make = checkout.command("make");
    make.arg("layer")
        .env("LAYER_LINKER", wheels.path().join("linker"))
        .env("PIP_NO_INDEX", "1")
        .env("PIP_FIND_LINKS", wheels.path());
    let output = make.output().expect("make");
    let text = text(&output);
    assert!(!output.status.success(), "{text}");
    for expected in ["DO NOT MATCH THE HASHES", "the linker cannot be installed"] {
        assert!(text.contains(expected), "no `{expected}` in:\n{text}");
    }
    assert!(!checkout.cargo_calls().contains("zigbuild"), "{text}");
}
