//! The README and docs/fidelity.md agree with the program.

use std::process::Command;

const README: &str = include_str!("../../../README.md");

/// The first word of each line of `text` that begins with `before`: the subcommands in a
/// table or in `--help`.
fn commands<'a>(text: &'a str, before: &str) -> Vec<&'a str> {
    let rows = text.lines().filter_map(|line| line.strip_prefix(before));
    let names = rows.filter_map(|row| row.split([' ', '`']).next());
    names.filter(|name| !name.is_empty()).collect()
}

#[test]
fn the_readme_lists_every_command_and_no_other() {
    let help = Command::new(env!("CARGO_BIN_EXE_xray-local"))
        .arg("--help")
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let (_, after) = help.split_once("Commands:\n").unwrap();
    let (listed, _) = after.split_once("\n\n").unwrap();
    let mut known: Vec<_> = commands(listed, "  ");
    known.retain(|name| *name != "help");
    known.sort_unstable();
    let mut documented = commands(README, "| `xray-local ");
    documented.sort_unstable();
    assert_eq!(documented, known);
}

#[test]
fn every_command_explains_its_options() {
    for command in commands(README, "| `xray-local ") {
        let help = Command::new(env!("CARGO_BIN_EXE_xray-local"))
            .args([command, "--help"])
            .output()
            .unwrap();
        let text = String::from_utf8(help.stdout).unwrap();
        assert!(
            help.status.success() && text.contains("--data <DIR>"),
            "{command}: {text}"
        );
    }
}

#[test]
fn every_row_of_fidelity_names_an_existing_file() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut folder = "";
    let mut named = 0;
    for line in include_str!("../../../docs/fidelity.md").lines() {
        if let Some((_, under)) = line.split_once("where (under `") {
            folder = under.split('`').next().unwrap_or_default();
        } else if let Some((_, file)) = line.trim_end_matches("` |").rsplit_once("| `") {
            let path = root.join(folder).join(file);
            assert!(path.is_file(), "{} does not exist: {line}", path.display());
            named += 1;
        }
    }
    assert!(
        named > 50,
        "only {named} rows were found; has the form of the tables changed?"
    );
}
