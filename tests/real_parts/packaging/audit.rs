//! `make audit` with the real cargo-deny, and with databases and registries of the tests.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use tempfile::TempDir;
use xray_lambda_tests::artifact;

use super::command::{command, target, text, tool};

const DATABASE_URL: &str = "https://github.com/RustSec/advisory-db";
/// The advisory of the test's database.
const ADVISORY: &str = "RUSTSEC-2026-0001";
const NOT_CHECKED: &str = "security advisories: NOT CHECKED";
/// The affected versions of a crate, as an advisory lists them.
const ALL: &str = "patched = []";
const NONE: &str = r#"patched = [">= 0.0.0"]"#;

#[test]
fn an_advisory_about_a_crate_of_the_workspace_fails_the_audit() {
    tools();
    let database = Database::new("tokio", ALL, "now");
    let mut audit = audit(&artifact::repository());
    audit
        .env("ADVISORY_DB", database.path())
        .env("CARGO_TARGET_DIR", target_of_make());
    let output = audit.output().expect("make");
    let text = text(&output);
    assert!(!output.status.success(), "{text}");
    assert!(text.contains(ADVISORY), "{text}");
}

#[test]
fn an_advisory_about_another_version_passes() {
    let project = Project::new();
    let [affected, unaffected] = [ALL, NONE].map(|versions| {
        let database = Database::new("leaf", versions, "now");
        project.audit(&[("ADVISORY_DB", &database.path())])
    });
    assert!(!affected.status.success(), "{}", text(&affected));
    let text = text(&unaffected);
    assert!(unaffected.status.success(), "{text}");
    assert!(!text.contains("NOT CHECKED"), "{text}");
}

#[test]
fn a_database_that_can_be_fetched_is_checked() {
    let project = Project::new();
    let database = Database::new("leaf", ALL, "now");
    let output = project.audit_with_remote(&database.path(), &[]);
    let text = text(&output);
    assert!(!output.status.success(), "{text}");
    assert!(text.contains(ADVISORY), "{text}");
}

#[test]
fn without_a_database_the_audit_says_so_and_passes_unless_advisories_are_required() {
    let project = Project::new();
    let missing = project.root().join("missing");
    let output = project.audit_with_remote(&missing, &[]);
    let report = text(&output);
    assert!(output.status.success(), "{report}");
    // Once loudly, once in the summary.
    assert_eq!(report.matches(NOT_CHECKED).count(), 2, "{report}");
    assert!(report.contains("make audit ADVISORY_DB="), "{report}");

    let required =
        project.audit_with_remote(&missing, &[("AUDIT_REQUIRE_ADVISORIES", Path::new("1"))]);
    assert!(!required.status.success(), "{}", text(&required));
}

#[test]
fn an_old_database_is_checked_but_is_not_enough() {
    let project = Project::new();
    let [affected, unaffected] = [ALL, NONE].map(|versions| {
        let database = Database::new("leaf", versions, "2025-01-01T00:00:00Z");
        project.audit(&[("ADVISORY_DB", &database.path())])
    });
    assert!(!affected.status.success(), "{}", text(&affected));
    let text = text(&unaffected);
    assert!(unaffected.status.success(), "{text}");
    assert!(
        text.contains("security advisories since 2025-01-01: NOT CHECKED"),
        "{text}"
    );
}

#[test]
fn a_yanked_crate_fails_the_audit() {
    let project = Project::new();
    let database = Database::new("leaf", NONE, "now");
    project.write_registry(true);
    let output = project.audit(&[("ADVISORY_DB", &database.path())]);
    let text = text(&output);
    assert!(!output.status.success(), "{text}");
    assert!(text.contains("detected yanked crate"), "{text}");
}

/// A clone of a database with one advisory.
#[derive(Debug)]
struct Database(TempDir);

impl Database {
    /// The advisory is about `package`. `versions` is the section with that name, and `date` the
    /// time of the newest commit, as git reads it.
    fn new(package: &str, versions: &str, date: &str) -> Self {
        let database = Self(tempfile::tempdir().expect("a temporary folder"));
        let folder = database.0.path().join("crates").join(package);
        fs::create_dir_all(&folder).expect("a folder");
        let advisory = format!(
            "```toml\n[advisory]\nid = \"{ADVISORY}\"\npackage = \"{package}\"\ndate = \"2026-01-01\"\n\
             [versions]\n{versions}\n```\n\n# A hole\n\nAs wide as a door.\n"
        );
        fs::write(folder.join(format!("{ADVISORY}.md")), advisory).expect("a writable file");
        for arguments in [
            &["init", "--quiet", "--initial-branch", "main"][..],
            &["add", "."],
            &[
                "-c",
                "user.name=test",
                "-c",
                "user.email=test@example.com",
                "commit",
                "--quiet",
                "--message",
                "One",
            ],
        ] {
            let mut git = Command::new("git");
            git.args(arguments).current_dir(database.0.path());
            if date != "now" {
                git.env("GIT_COMMITTER_DATE", date);
            }
            assert!(git.status().expect("git").success(), "{arguments:?}");
        }
        database
    }

    fn path(&self) -> PathBuf {
        self.0.path().to_owned()
    }
}

/// A package with one dependency, `leaf`, in a registry of its own.
#[derive(Debug)]
struct Project(TempDir);

impl Project {
    fn new() -> Self {
        let project = Self(tempfile::tempdir().expect("a temporary folder"));
        let repository = artifact::repository();
        let root = project.root();
        for folder in [".cargo", "scripts", "src", "target/tools"] {
            fs::create_dir_all(root.join(folder)).expect("a folder");
        }
        for file in ["Makefile", "deny.toml", "scripts/audit.sh"] {
            fs::copy(repository.join(file), root.join(file)).expect("a file of the repository");
        }
        symlink(tools(), root.join("target/tools/bin")).expect("a link");
        let manifest = "[package]\nname = \"root\"\nversion = \"1.0.0\"\nedition = \"2021\"\nlicense = \"MIT\"\n\n[dependencies]\nleaf = \"1\"\n";
        let config = "[source.crates-io]\nreplace-with = \"local\"\n\n[source.local]\nlocal-registry = \"registry\"\n";
        for (file, text) in [
            ("Cargo.toml", manifest),
            (".cargo/config.toml", config),
            ("src/lib.rs", ""),
        ] {
            fs::write(root.join(file), text).expect("a writable file");
        }
        project.write_registry(false);
        let mut cargo = command("cargo");
        cargo.arg("generate-lockfile").current_dir(root);
        assert!(cargo.status().expect("cargo").success());
        project
    }

    fn root(&self) -> PathBuf {
        self.0.path().to_owned()
    }

    fn write_registry(&self, yanked: bool) {
        let mut python = tool("python");
        python.arg(artifact::repository().join("tests/scripts/local_registry.py"));
        python
            .arg(self.root().join("registry"))
            .arg(yanked.to_string());
        assert!(python.status().expect("python").success());
    }

    fn audit(&self, environment: &[(&str, &Path)]) -> Output {
        let mut audit = audit(&self.root());
        audit.env("CARGO_TARGET_DIR", self.root().join("target"));
        audit.envs(environment.iter().copied());
        audit.output().expect("make")
    }

    /// The audit, with this folder in place of the database on GitHub.
    fn audit_with_remote(&self, remote: &Path, environment: &[(&str, &Path)]) -> Output {
        let key = format!("url.{}.insteadOf", remote.display());
        let config = [
            ("GIT_CONFIG_COUNT", Path::new("1")),
            ("GIT_CONFIG_KEY_0", Path::new(&key)),
            ("GIT_CONFIG_VALUE_0", Path::new(DATABASE_URL)),
        ];
        self.audit(&[&config, environment].concat())
    }
}

fn audit(root: &Path) -> Command {
    let mut make = command("make");
    make.arg("audit").current_dir(root);
    for variable in ["ADVISORY_DB", "AUDIT_REQUIRE_ADVISORIES"] {
        make.env_remove(variable);
    }
    make
}

/// The folder of cargo-deny, which is built if it is missing.
fn tools() -> &'static Path {
    static TOOLS: OnceLock<PathBuf> = OnceLock::new();
    let install = || {
        let mut install = command("bash");
        install.args(["scripts/audit.sh", "--install-only"]);
        install.env("CARGO_TARGET_DIR", target_of_make());
        assert!(
            install.status().expect("bash").success(),
            "cargo-deny cannot be installed"
        );
        target_of_make().join("tools/bin")
    };
    TOOLS.get_or_init(install)
}

/// The target folder of `make audit`.
fn target_of_make() -> PathBuf {
    target().parent().expect("the target folder").to_owned()
}
