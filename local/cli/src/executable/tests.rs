//! The search for a function's `bootstrap` and a layer's extensions.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use xray_local_template::{Function, Layer, StackContext, load, parse};

use super::{extensions, find_binary};

struct Project {
    folder: TempDir,
}

impl Project {
    fn new() -> Self {
        Self {
            folder: TempDir::new().expect("a temporary folder"),
        }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn write(&self, path: &str, content: &[u8], mode: u32, age_seconds: u64) -> PathBuf {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("the path has a parent")).expect("a folder");
        fs::write(&path, content).expect("a file");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("a mode");
        let time = SystemTime::now() - Duration::from_secs(age_seconds);
        File::options()
            .append(true)
            .open(&path)
            .and_then(|file| file.set_modified(time))
            .expect("a time");
        path
    }

    fn script(&self, path: &str, age_seconds: u64) -> PathBuf {
        self.write(path, b"#!/bin/sh\n", 0o755, age_seconds)
    }

    fn cargo_package(&self, manifest: &str) {
        self.write("code/Cargo.toml", manifest.as_bytes(), 0o644, 0);
    }

    fn function(&self, runtime: &str, binary: Option<&str>) -> Function {
        let text = format!(
            "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Metadata: {{ BuildProperties: {{ Binary: {} }} }}\n    \
             Properties: {{ Runtime: {runtime}, Handler: app.handler, CodeUri: code }}\n",
            binary.unwrap_or("!Ref AWS::NoValue")
        );
        let template = parse(&self.path("template.yaml"), &text, &StackContext::default())
            .expect("the template is right");
        template.functions.into_iter().next().expect("one function")
    }

    fn find(&self, runtime: &str, binary: Option<&str>) -> Result<(PathBuf, PathBuf), String> {
        let function = self.function(runtime, binary);
        find_binary(
            &function,
            &self.path("target"),
            &self.path(".aws-sam/build"),
        )
        .map(|found| (found.bootstrap, found.task_root))
        .map_err(|error| {
            error
                .to_string()
                .replace(&self.folder.path().display().to_string(), ".")
        })
    }
}

const PACKAGE: &str =
    "[package]\nname = \"demo-api\"\n[[bin]]\nname = \"items\"\n[[bin]]\nname = \"reports\"\n";

#[test]
fn a_bootstrap_in_the_code_folder_is_found() {
    let project = Project::new();
    let bootstrap = project.script("code/bootstrap", 0);
    assert_eq!(
        project.find("python3.12", None),
        Ok((bootstrap, project.path("code")))
    );
}

#[test]
fn the_newest_of_all_builds_wins() {
    let project = Project::new();
    project.cargo_package(PACKAGE);
    let sam = project.script(".aws-sam/build/F/bootstrap", 40);
    assert_eq!(
        project.find("provided.al2023", Some("items")),
        Ok((sam.clone(), project.path(".aws-sam/build/F")))
    );
    let lambda = project.script("target/lambda/items/bootstrap", 30);
    assert_eq!(
        project.find("provided.al2023", Some("items")),
        Ok((lambda, project.path("target/lambda/items")))
    );
    let debug = project.script("target/debug/items", 20);
    project.script("target/release/items", 50);
    assert_eq!(
        project.find("provided.al2023", Some("items")),
        Ok((debug, project.path("code")))
    );
    project.script(".aws-sam/build/F/bootstrap", 10);
    assert_eq!(
        project.find("provided.al2023", Some("items")),
        Ok((sam, project.path(".aws-sam/build/F")))
    );
}

#[test]
fn the_only_binary_of_a_package_needs_no_metadata() {
    let project = Project::new();
    project.cargo_package("[package]\nname = \"hello\"\n");
    project.write("code/src/main.rs", b"", 0o644, 0);
    let bootstrap = project.script("target/debug/hello", 0);
    assert_eq!(
        project.find("provided.al2023", None).map(|found| found.0),
        Ok(bootstrap)
    );
}

#[test]
fn several_binaries_without_a_choice_are_an_error_that_lists_them() {
    let project = Project::new();
    project.cargo_package(PACKAGE);
    let error = project
        .find("provided.al2023", None)
        .expect_err("either binary could be meant");
    assert_eq!(
        error,
        "F: ./code/Cargo.toml has the binaries items, reports; \
         choose one with Metadata.BuildProperties.Binary"
    );
}

#[test]
fn the_error_for_a_missing_binary_lists_the_searched_files_and_the_commands() {
    let project = Project::new();
    project.cargo_package(PACKAGE);
    let error = project
        .find("provided.al2023", Some("items"))
        .expect_err("nothing is built");
    assert_eq!(
        error,
        "F has no bootstrap that can run on this machine. Searched:
  ./code/bootstrap (not found)
  ./.aws-sam/build/F/bootstrap (not found)
  ./target/lambda/items/bootstrap (not found)
  ./target/release/items (not found)
  ./target/debug/items (not found)
Build it with `cargo build -p demo-api --bin items`, `cargo lambda build -p demo-api` or `sam build`."
    );
}

#[test]
fn the_error_for_a_managed_runtime_explains_how_to_add_a_bootstrap() {
    let project = Project::new();
    let error = project
        .find("python3.12", None)
        .expect_err("the folder has no bootstrap");
    assert!(
        error.contains("The managed runtime python3.12 does not exist locally"),
        "{error}"
    );
    assert!(
        error.contains("exec python3 -m awslambdaric app.handler"),
        "{error}"
    );
}

#[test]
fn the_error_for_a_bootstrap_without_execute_permission_names_chmod() {
    let project = Project::new();
    project.write("code/bootstrap", b"#!/bin/sh\n", 0o644, 0);
    let error = project
        .find("provided.al2023", None)
        .expect_err("it is not executable");
    assert!(
        error.contains("./code/bootstrap (not executable; run `chmod +x ./code/bootstrap`)"),
        "{error}"
    );
}

#[test]
fn a_binary_of_another_architecture_is_skipped() {
    let project = Project::new();
    let (machine, name) = if cfg!(target_arch = "x86_64") {
        (0xb7, "arm64")
    } else {
        (0x3e, "x86_64")
    };
    let mut elf = b"\x7fELF".to_vec();
    elf.resize(64, 0);
    elf[18] = machine;
    project.write("code/bootstrap", &elf, 0o755, 0);
    let error = project
        .find("provided.al2023", None)
        .expect_err("it is built for another architecture");
    assert!(
        error.contains(&format!("(built for {name}, but this machine is")),
        "{error}"
    );
    let sam = project.script(".aws-sam/build/F/bootstrap", 99);
    assert_eq!(
        project.find("provided.al2023", None).map(|found| found.0),
        Ok(sam)
    );
}

fn layer(content_uri: &Path) -> Layer {
    Layer {
        logical_id: "XRayLambdaLayer".to_owned(),
        content_uri: content_uri.to_owned(),
    }
}

#[test]
fn extensions_are_the_files_in_the_extensions_folder() {
    let project = Project::new();
    let second = project.script("layer/extensions/second", 0);
    let first = project.script("layer/extensions/first", 0);
    project.write("layer/extensions/first-files/data", b"", 0o644, 0);
    let found = extensions(&layer(&project.path("layer"))).expect("all can run");
    let found: Vec<_> = found
        .into_iter()
        .map(|extension| (extension.name, extension.path))
        .collect();
    assert_eq!(
        found,
        [("first".to_owned(), first), ("second".to_owned(), second)]
    );
}

#[test]
fn a_layer_may_have_no_extensions() {
    let project = Project::new();
    project.write("layer/python/lib.py", b"", 0o644, 0);
    assert_eq!(
        extensions(&layer(&project.path("layer")))
            .map(|found| found.len())
            .ok(),
        Some(0)
    );
}

#[test]
fn a_layer_that_is_not_built_or_cannot_run_is_an_error() {
    let project = Project::new();
    let error = extensions(&layer(&project.path("layer")))
        .expect_err("it does not exist")
        .to_string();
    assert!(
        error.contains("layer XRayLambdaLayer: its ContentUri")
            && error.contains("has the layer been built?"),
        "{error}"
    );
    project.write("layer/extensions/x", b"#!/bin/sh\n", 0o644, 0);
    let error = extensions(&layer(&project.path("layer")))
        .expect_err("it cannot run")
        .to_string();
    assert!(error.contains("not executable"), "{error}");
}

#[test]
fn the_layer_only_example_brings_its_bootstrap() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let template = load(
        &root.join("examples/layer-only/template.yaml"),
        &StackContext::default(),
    );
    let template = template.expect("the example's template is right");
    let found = find_binary(
        &template.functions[0],
        Path::new("target"),
        Path::new("build"),
    );
    assert!(
        found
            .expect("it brings its bootstrap")
            .bootstrap
            .ends_with("examples/layer-only/bootstrap")
    );
}
