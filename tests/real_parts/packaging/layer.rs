//! The layer's zips, as `make layer` writes them.

use std::fs;

use super::checkout::Checkout;
use super::command::text;

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
