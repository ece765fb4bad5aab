//! The README lists the same settings as the code.

use xray_lambda_extension::VARIABLES;

const README: &str = include_str!("../../README.md");

#[test]
fn the_readme_lists_every_setting_with_its_default() {
    let rows = VARIABLES.iter().map(|variable| {
        format!(
            "| `{}` | `{}` | {} |\n",
            variable.name, variable.default, variable.description
        )
    });
    let table = format!(
        "| variable | default | description |\n|---|---|---|\n{}",
        rows.collect::<String>()
    );
    let (_, after) = README.split_once("<!-- settings -->\n").unwrap();
    let (listed, _) = after.split_once("<!-- /settings -->").unwrap();
    assert_eq!(listed, table);
}
