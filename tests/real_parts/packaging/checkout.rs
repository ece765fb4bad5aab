//! A copy of the repository in which `make layer` and `sam build` run without compiling.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;
use xray_lambda_tests::{artifact, python};

use super::command::{command, text};

/// A copy of the repository, with programs in place of the compiler. The scripts, Cargo's
/// reports about the dependencies, and SAM are the real ones.
#[derive(Debug)]
pub(super) struct Checkout {
    folder: TempDir,
}

impl Checkout {
    /// Copies what the tests change, and links to the rest.
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let checkout = Self { folder };
        fs::create_dir(checkout.root()).expect("a folder");
        // git ignores a `.gitignore` that is a link.
        let copies = [".gitignore", "scripts", "Makefile", "template.yaml"];
        let linked = fs::read_dir(artifact::repository()).expect("the repository");
        for entry in linked.map(|entry| entry.expect("an entry of the repository")) {
            let name = entry.file_name();
            let generated = ["dist", "target", ".git", ".aws-sam"]
                .iter()
                .any(|generated| name == *generated);
            if generated {
                continue;
            }
            let path = checkout.root().join(&name);
            if copies.iter().any(|copy| name == *copy) {
                copy(&entry.path(), &path);
            } else {
                symlink(entry.path(), path).expect("a link");
            }
        }
        checkout.write_programs();
        checkout
    }

    /// The root of the copy.
    pub(super) fn root(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    /// The text of a file of the copy.
    pub(super) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Replaces a text, which must occur, in a file of the copy.
    pub(super) fn edit(&self, path: &str, old: &str, new: &str) {
        let text = self.read(path);
        assert!(text.contains(old), "{path} does not contain {old}");
        fs::write(self.root().join(path), text.replace(old, new)).expect("a writable file");
    }

    /// Lets rustc report that it has no standard library for this target.
    pub(super) fn without_std(self, triple: &str) -> Self {
        fs::write(self.programs().join("without-std"), triple).expect("a writable file");
        self
    }

    /// The calls of `cargo` so far, one in each line.
    pub(super) fn cargo_calls(&self) -> String {
        fs::read_to_string(self.programs().join("calls")).unwrap_or_default()
    }

    /// A command in the root of the copy.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = command(program);
        command.current_dir(self.root());
        let path = command
            .get_envs()
            .find(|(name, _)| *name == "PATH")
            .and_then(|(_, path)| path.map(OsString::from))
            .expect("the path of the virtual environment");
        let mut paths = vec![self.programs()];
        paths.extend(std::env::split_paths(&path));
        command
            .env("PATH", std::env::join_paths(paths).expect("a search path"))
            .env("CARGO_TARGET_DIR", self.root().join("target"))
            .env("LAYER_ZIG", self.zig());
        command
    }

    /// Runs `make` with these arguments.
    pub(super) fn make(&self, arguments: &[&str]) -> Output {
        let mut make = self.command("make");
        make.args(arguments).output().expect("make")
    }

    /// Runs `make`, which must succeed.
    pub(super) fn make_successfully(&self, arguments: &[&str]) {
        let output = self.make(arguments);
        assert!(output.status.success(), "{}", text(&output));
    }

    fn programs(&self) -> PathBuf {
        self.folder.path().join("programs")
    }

    fn zig(&self) -> PathBuf {
        self.folder.path().join("zig")
    }

    fn write_programs(&self) {
        let programs = self.programs();
        fs::create_dir_all(&programs).expect("a folder");
        let toolchain = PathBuf::from(std::env::var_os("CARGO").expect("`cargo test` sets CARGO"));
        let toolchain = toolchain
            .parent()
            .expect("the folder of the toolchain")
            .display();
        let folder = programs.display();
        let write = |name: &str, script: String| {
            let path = programs.join(name);
            fs::write(&path, script).expect("a writable file");
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("a program");
        };
        // Both builds write a program that contains no code.
        for (triple, architecture) in [
            ("x86_64-unknown-linux-musl", "x86_64"),
            ("aarch64-unknown-linux-musl", "arm64"),
        ] {
            fs::write(programs.join(triple), elf(architecture)).expect("a writable file");
        }
        write(
            "cargo",
            format!(
                r#"#!/bin/sh
echo "$*" >>{folder}/calls
case $1 in
build)
    for triple; do :; done
    mkdir -p "$CARGO_TARGET_DIR/$triple/layer"
    cp "{folder}/$triple" "$CARGO_TARGET_DIR/$triple/layer/xray-lambda-extension"
    [ -z "$NOT_REPRODUCIBLE" ] || echo $$ >>"$CARGO_TARGET_DIR/$triple/layer/xray-lambda-extension" ;;
lambda)
    for name in items reports; do
        mkdir -p "$CARGO_TARGET_DIR/lambda/$name"
        cp {folder}/x86_64-unknown-linux-musl "$CARGO_TARGET_DIR/lambda/$name/bootstrap"
    done ;;
*) exec {toolchain}/cargo "$@" ;;
esac
"#
            ),
        );
        write(
            "rustc",
            format!(
                r#"#!/bin/sh
case "$*" in
*target-libdir*"$(cat {folder}/without-std 2>/dev/null || echo none)"*) echo /missing ;;
*target-libdir*) echo {folder} ;;
*) exec {toolchain}/rustc "$@" ;;
esac
"#
            ),
        );
        fs::write(programs.join("libstd-test.rlib"), "").expect("a writable file");
        let bundled = programs.join("self-contained");
        fs::create_dir_all(&bundled).expect("a folder");
        fs::write(bundled.join("libc.a"), b"\x001.2.5\x00").expect("a writable file");
        write(
            "rustup",
            "#!/bin/sh\necho 'error: no network' >&2\nexit 1\n".to_owned(),
        );
        self.write_zig();
    }

    /// Pretends that `scripts/layer.sh` has installed zig, whose files are those of the
    /// virtual environment.
    fn write_zig(&self) {
        let bin = self.zig().join("bin");
        fs::create_dir_all(&bin).expect("a folder");
        let python = bin.join("python3");
        let script = format!(
            "#!/bin/sh\nexec {} \"$@\"\n",
            python::program("python3").display()
        );
        fs::write(&python, script).expect("a writable file");
        fs::set_permissions(&python, fs::Permissions::from_mode(0o755)).expect("a program");
        let stamp =
            "(cksum <scripts/layer-requirements.txt; python3 --version) >\"$LAYER_ZIG/.installed\"";
        let status = self.command("sh").args(["-c", stamp]).status();
        assert!(status.expect("sh").success());
    }
}

/// The header of a static 64-bit little-endian ELF file without segments.
pub(super) fn elf(architecture: &str) -> Vec<u8> {
    let mut elf = vec![0; 64];
    elf[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    elf[18] = if architecture == "arm64" { 0xb7 } else { 0x3e };
    elf
}

fn copy(from: &Path, to: &Path) {
    if !from.is_dir() {
        fs::copy(from, to).expect("a copy");
        return;
    }
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        copy(&entry.path(), &to.join(entry.file_name()));
    }
}
