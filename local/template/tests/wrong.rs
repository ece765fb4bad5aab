//! The errors for mistakes in a template: each `tests/wrong/*.yaml` has its whole error in a
//! file beside it. `UPDATE_EXPECTED=1 cargo test` writes these files anew; review the diff.

use std::fs;
use std::path::Path;

use xray_local_template::{StackContext, load, parse};

#[test]
fn every_mistake_has_its_place_its_reason_and_the_next_step() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wrong");
    let mut paths: Vec<_> = fs::read_dir(&folder)
        .expect("the folder exists")
        .flatten()
        .map(|entry| entry.path())
        .collect();
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "yaml")
    });
    paths.sort();
    assert!(paths.len() > 25, "only {} fixtures were found", paths.len());
    let mut differ = Vec::new();
    for path in paths {
        let name = Path::new(path.file_name().expect("it has a name"));
        let text = fs::read_to_string(&path).expect("it can be read");
        let error = match parse(name, &text, &StackContext::default()) {
            Ok(template) => format!("no error: {template:?}"),
            Err(error) => error.to_string(),
        };
        let expected = path.with_extension("expected");
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            fs::write(&expected, format!("{error}\n")).expect("it can be written");
        }
        let wanted = fs::read_to_string(&expected).unwrap_or_default();
        if wanted.trim_end() != error {
            differ.push(format!(
                "{}:\n{error}\n--- but expected\n{wanted}",
                name.display()
            ));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n\n"));
}

#[test]
fn the_error_for_a_missing_template_names_the_file() {
    let error = load(Path::new("no/such/template.yaml"), &StackContext::default())
        .expect_err("the file does not exist");
    assert!(
        error.to_string().contains("no/such/template.yaml"),
        "{error}"
    );
    let cause = std::error::Error::source(&error).expect("it has a cause");
    assert!(!error.to_string().contains(&cause.to_string()), "{error}");
}

#[test]
fn a_template_of_more_than_8_mb_is_not_read() {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(8 * 1024 * 1024 + 1).unwrap();
    let error = load(file.path(), &StackContext::default()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("has 8388609 bytes; at most 8388608"),
        "{error}"
    );
}

#[test]
fn an_override_of_an_unknown_parameter_suggests_the_nearest() {
    let text = "Parameters: { StageName: { Type: String, Default: v1 } }\nResources: { T: { Type: 'AWS::SNS::Topic' } }\n";
    let mut context = StackContext::default();
    context
        .parameter_overrides
        .insert("Stagename".to_owned(), "v2".to_owned());
    let error = parse(Path::new("t.yaml"), text, &context).expect_err("it is not a parameter");
    assert!(
        error.to_string().contains(
            "'Stagename' of --parameter-overrides is not a parameter of this template; did you mean 'StageName'?"
        ),
        "{error}"
    );
}

#[test]
fn several_mistakes_are_reported_together_in_the_order_of_their_lines() {
    let text = "Resources:\n  A: { Type: 'AWS::SNS::Topi' }\n  B: { Type: 'AWS::SQS::Queu' }\n";
    let error =
        parse(Path::new("t.yaml"), text, &StackContext::default()).expect_err("both are misspelt");
    let problems = error.problems();
    assert_eq!(problems.len(), 2, "{error}");
    assert!(problems[0].starts_with("t.yaml:2:14: A: "), "{error}");
    assert!(problems[1].starts_with("t.yaml:3:14: B: "), "{error}");
}
