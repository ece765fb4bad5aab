//! The workspace's own binaries, which Cargo built beside the test.

use std::path::PathBuf;

/// The binary `name` of the crate `package`.
///
/// For a test, Cargo builds only the test's own package. `make test` builds the others
/// first.
///
/// # Panics
/// If the binary is missing.
#[must_use]
pub fn binary(package: &str, name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    // target/debug/deps/real_parts-0123456789abcdef
    let profile = test
        .ancestors()
        .nth(2)
        .expect("the test is in target/<profile>/deps");
    let binary = profile.join(name);
    assert!(
        binary.is_file(),
        "{} is missing: run `make test`, or `cargo build -p {package}` first",
        binary.display()
    );
    binary
}

/// Cargo's target folder, which has the folder of this test's profile.
///
/// # Panics
/// If a binary of this profile is missing.
#[must_use]
pub fn target() -> PathBuf {
    let binary = plain_function();
    let target = binary.ancestors().nth(2);
    target.expect("the target folder").to_owned()
}

/// The layer's extension.
#[must_use]
pub fn extension() -> PathBuf {
    binary("xray-lambda-extension", "xray-lambda-extension")
}

/// The command line `xray-local`.
#[must_use]
pub fn xray_local() -> PathBuf {
    binary("xray-local", "xray-local")
}

/// A function that sends documents to the daemon's address, as any X-Ray SDK does.
#[must_use]
pub fn plain_function() -> PathBuf {
    binary("xray-lambda-tests", "plain-function")
}

/// A Rust function wrapped in `XRayLayer`.
#[must_use]
pub fn traced_function() -> PathBuf {
    binary("xray-lambda-tests", "traced-function")
}

/// An extension made with the crate `lambda-extension`.
#[must_use]
pub fn telemetry_extension() -> PathBuf {
    binary("xray-lambda-tests", "telemetry-extension")
}

/// The root of the repository.
#[must_use]
pub fn repository() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .canonicalize()
        .expect("the repository that the test was built from")
}
