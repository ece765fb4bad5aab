//! The layer's zips, as `make layer` writes them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use xray_lambda_tests::{artifact, python};

use super::checkout::{Checkout, elf};
use super::command::{command, text};

const ARM64: &str = "aarch64-unknown-linux-musl";
const ZIP: &str = "dist/xray-lambda-extension-x86_64.zip";
const BILL_OF_MATERIALS: &str = "dist/xray-lambda-extension-x86_64.cdx.json";

#[test]
fn an_architecture_that_cannot_be_built_is_an_error_before_the_build() {
    let checkout = Checkout::new().without_std(ARM64);
    let output = checkout.make(&["layer"]);
    let text = text(&output);
    assert!(!output.status.success(), "{text}");
    for expected in [
        "error: no network",
        "cannot build for arm64",
        "rustup target add aarch64-unknown-linux-musl",
        "make layer ARCH='x86_64'",
    ] {
        assert!(text.contains(expected), "no `{expected}` in:\n{text}");
    }
    assert!(!checkout.cargo_calls().contains("build "), "{text}");
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
fn a_c_compiler_with_other_bytes_than_the_pinned_ones_is_not_installed() {
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
        .env("LAYER_ZIG", wheels.path().join("zig"))
        .env("PIP_NO_INDEX", "1")
        .env("PIP_FIND_LINKS", wheels.path());
    let output = make.output().expect("make");
    let text = text(&output);
    assert!(!output.status.success(), "{text}");
    for expected in [
        "DO NOT MATCH THE HASHES",
        "the C compiler cannot be installed",
    ] {
        assert!(text.contains(expected), "no `{expected}` in:\n{text}");
    }
    assert!(!checkout.cargo_calls().contains("build "), "{text}");
}

#[test]
fn a_zip_has_the_licences_of_all_parts() {
    let checkout = Checkout::new();
    checkout.make_successfully(&["layer", "ARCH=x86_64"]);
    let notices = checkout.read("dist/layer-x86_64/xray-lambda/THIRD-PARTY-NOTICES.txt");
    for part in [
        "tokio",
        "ring",
        "webpki-roots",
        "rust-std",
        "musl",
        "libunwind",
    ] {
        let listed = notices
            .lines()
            .any(|line| line.starts_with(&format!("{part} ")));
        assert!(listed, "{part} is not in the notices");
    }
    for text in [
        "Copyright (c) Tokio Contributors",
        "Community Data License Agreement - Permissive - Version 2.0",
        "UNICODE LICENSE V3",
        "Rich Felker, et al.",
        "The LLVM Project is under the Apache License v2.0 with LLVM Exceptions",
    ] {
        assert!(notices.contains(text), "no `{text}` in the notices");
    }
    // In the tree of the extension's build, but not in its binary: a crate of another program,
    // a procedural macro and a build script.
    for other in ["rusqlite", "serde_derive", "cc"] {
        let listed = notices
            .lines()
            .any(|line| line.starts_with(&format!("{other} ")));
        assert!(!listed, "{other} is in the notices");
    }
    let names = run_python(
        &checkout,
        "import sys, zipfile; print(*zipfile.ZipFile(sys.argv[1]).namelist())",
        ZIP,
    );
    assert_eq!(
        names.split_whitespace().collect::<Vec<_>>(),
        [
            "extensions/xray-lambda-extension",
            "xray-lambda/LICENSE",
            "xray-lambda/THIRD-PARTY-NOTICES.txt"
        ]
    );
}

#[test]
fn the_checksums_are_those_of_the_zips_and_bills_of_materials() {
    let checkout = Checkout::new();
    checkout.make_successfully(&["layer"]);
    let mut sha256sum = Command::new("sha256sum");
    sha256sum
        .args(["--check", "--strict", "SHA256SUMS"])
        .current_dir(checkout.root().join("dist"));
    let output = sha256sum.output().expect("sha256sum");
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(text(&output).lines().count(), 4, "{}", text(&output));
}

/// The required members: <https://cyclonedx.org/docs/1.6/json/>.
#[test]
fn the_bill_of_materials_is_cyclonedx() {
    let checkout = Checkout::new();
    checkout.make_successfully(&["layer", "ARCH=x86_64"]);
    let bill: Value = serde_json::from_str(&checkout.read(BILL_OF_MATERIALS)).expect("JSON");
    assert_eq!(bill["bomFormat"], "CycloneDX");
    assert_eq!(bill["specVersion"], "1.6");
    assert_eq!(bill["version"], 1);
    let serial = bill["serialNumber"].as_str().expect("a serial number");
    assert!(
        serial.starts_with("urn:uuid:") && serial.len() == 45,
        "{serial}"
    );

    let program = &bill["metadata"]["component"];
    assert_eq!(
        (&program["type"], &program["name"]),
        (&"application".into(), &"xray-lambda-extension".into())
    );
    let components = bill["components"].as_array().expect("the components");
    let mut references = BTreeSet::from([reference(program)]);
    for component in components {
        assert_eq!(component["type"], "library", "{component}");
        for required in ["name", "version", "purl"] {
            assert!(
                component[required].is_string(),
                "no {required} in {component}"
            );
        }
        assert!(
            component["licenses"][0]["expression"].is_string(),
            "{component}"
        );
        let own = component["name"]
            .as_str()
            .is_some_and(|name| name.starts_with("xray-"));
        if component["purl"]
            .as_str()
            .is_some_and(|purl| purl.starts_with("pkg:cargo/"))
            && !own
        {
            assert_eq!(component["hashes"][0]["alg"], "SHA-256", "{component}");
        }
        assert!(
            references.insert(reference(component)),
            "{component} has the reference of another one"
        );
    }
    for dependency in bill["dependencies"].as_array().expect("the dependencies") {
        assert!(
            references.contains(dependency["ref"].as_str().unwrap_or_default()),
            "{dependency}"
        );
        for needed in dependency["dependsOn"].as_array().expect("a list") {
            assert!(
                references.contains(needed.as_str().unwrap_or_default()),
                "{dependency}"
            );
        }
    }
}

#[test]
fn two_builds_of_a_layer_have_the_same_bytes() {
    let [first, second] = [Checkout::new(), Checkout::new()];
    first.make_successfully(&["layer", "ARCH=x86_64"]);
    // A zip entry has its time in steps of two seconds.
    std::thread::sleep(std::time::Duration::from_millis(2100));
    second.make_successfully(&["layer", "ARCH=x86_64"]);
    for file in [ZIP, BILL_OF_MATERIALS, "dist/SHA256SUMS"] {
        let [first, second] =
            [&first, &second].map(|checkout| fs::read(checkout.root().join(file)));
        assert!(
            first.expect("a file") == second.expect("a file"),
            "{file} differs"
        );
    }
}

#[test]
fn a_binary_with_a_path_of_the_build_machine_is_rejected() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let binary = folder.path().join("xray-lambda-extension");
    fs::write(&binary, elf(this_architecture())).expect("a writable file");
    let output = zip(&binary, folder.path());
    assert!(output.status.success(), "{}", text(&output));

    // A debug build has the names of its sources.
    let output = zip(&artifact::extension(), folder.path());
    let text = text(&output);
    assert!(!output.status.success(), "{text}");
    assert!(text.contains("contains a path of this machine"), "{text}");
}

#[test]
fn a_check_of_the_bytes_fails_if_they_depend_on_the_build() {
    let checkout = Checkout::new();
    let mut git = checkout.command("git");
    assert!(
        git.args(["init", "--quiet"])
            .status()
            .expect("git")
            .success()
    );
    checkout.make_successfully(&["layer", "ARCH=x86_64", "CHECK=1"]);
    assert_eq!(checkout.cargo_calls().matches("build ").count(), 2);

    let mut make = checkout.command("make");
    make.args(["layer", "ARCH=x86_64", "CHECK=1"])
        .env("NOT_REPRODUCIBLE", "1");
    let output = make.output().expect("make");
    let text = text(&output);
    assert!(!output.status.success(), "{text}");
    let expected = "two builds of xray-lambda-extension-x86_64.zip have different bytes";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn a_binary_that_needs_a_libc_is_rejected() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = zip(Path::new("/bin/sh"), folder.path());
    let text = text(&output);
    assert!(!output.status.success(), "{text}");
    assert!(text.contains("and its libc"), "{text}");
}

/// The runtimes of Lambda have several versions of glibc, and images may have none.
#[test]
fn the_extension_of_the_layer_starts_in_a_folder_that_contains_nothing_else() {
    let architecture = this_architecture();
    let mut make = command("make");
    make.args(["layer", &format!("ARCH={architecture}")])
        .env("CARGO_TARGET_DIR", artifact::target());
    let output = make.output().expect("make");
    assert!(output.status.success(), "{}", text(&output));

    let root = tempfile::tempdir().expect("a temporary folder");
    let name = "xray-lambda-extension";
    let built = format!("dist/layer-{architecture}/extensions/{name}");
    fs::copy(artifact::repository().join(built), root.path().join(name)).expect("a copy");
    let mut unshare = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        unshare.args(["--user", "--map-root-user"]);
    }
    unshare
        .arg("--root")
        .arg(root.path())
        .arg(format!("/{name}"));
    let output = unshare.env_clear().output().expect("unshare");
    let text = text(&output);
    assert!(text.contains("AWS_LAMBDA_RUNTIME_API is not set"), "{text}");
}

/// Zips a layer from this binary; another path that it must not contain is the registry's.
fn zip(binary: &Path, dist: &Path) -> Output {
    let repository = artifact::repository();
    let mut python = Command::new(python::program("python3"));
    python
        .arg(repository.join("scripts/layer_zip.py"))
        .args(["--architecture", this_architecture()])
        .args(["--without", "/registry/src/", "--notices"])
        .args([&repository.join("LICENSE"), binary, dist]);
    python.output().expect("python")
}

fn this_architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "x86_64"
    }
}

fn run_python(checkout: &Checkout, script: &str, argument: &str) -> String {
    let mut python = Command::new(python::program("python3"));
    python
        .args(["-c", script, argument])
        .current_dir(checkout.root());
    String::from_utf8(python.output().expect("python").stdout).expect("UTF-8")
}

fn reference(component: &Value) -> &str {
    component["bom-ref"]
        .as_str()
        .unwrap_or_else(|| panic!("no bom-ref in {component}"))
}
