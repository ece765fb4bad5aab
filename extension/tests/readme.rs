//! The README lists the same settings as the code.

use xray_lambda_extension::VARIABLES;

const README: &str = include_str!("../../README.md");

#[test]
fn the_readme_lists_every_setting_with_its_default() {
    let (_, after) = README.split_once("<!-- settings -->\n").unwrap();
    let (table, _) = after.split_once("<!-- /settings -->").unwrap();
    let mut listed = table.lines().skip(2);
    for variable in VARIABLES {
        let row = format!(
            "| `{}` | `{}` | {} |",
            variable.name, variable.default, variable.description
        );
        assert_eq!(
            listed.next(),
            Some(row.as_str()),
            "README.md differs from extension/src/config/; write this row into the table of settings:\n{row}\n"
        );
    }
    assert_eq!(listed.next(), None, "the code does not have this setting");
}
