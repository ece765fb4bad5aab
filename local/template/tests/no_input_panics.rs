//! Every text is either a template or an error; none causes a panic.

use std::path::Path;

use proptest::prelude::*;
use xray_local_template::{StackContext, parse};

const ITEMS: &str = include_str!("templates/items.yaml");

fn read_without_panic(text: &str) {
    if let Err(error) = parse(Path::new("t.yaml"), text, &StackContext::default()) {
        assert!(!error.to_string().is_empty());
    }
}

/// Pieces of templates in random order.
fn fragment() -> impl Strategy<Value = String> {
    let pieces = [
        "Resources:\n",
        "  F:\n",
        "    Type: AWS::Serverless::Function\n",
        "    Type: AWS::DynamoDB::Table\n",
        "    Properties:\n",
        "      Runtime: provided.al2023\n",
        "      Handler: h\n",
        "      Environment: ",
        "      Events: ",
        "      Layers: ",
        "      KeySchema: ",
        "      AttributeDefinitions: ",
        "    Condition: C\n",
        "Conditions:\n",
        "  C: ",
        "Parameters:\n",
        "  P: ",
        "Mappings:\n",
        "Globals:\n",
        "  Function:\n",
        "!Ref F",
        "!Ref P",
        "!Sub '${F.Arn}${P}${'",
        "!GetAtt F.Arn",
        "!GetAtt [F, !Ref P]",
        "!If [C, ",
        "!Equals [",
        "!Not [",
        "!Condition C",
        "!Select [9, ",
        "!Split ['', ",
        "!Join [',', ",
        "!FindInMap [",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "a: ",
        "- ",
        "\n",
        " ",
        "&a ",
        "*a",
        "<<: *a\n",
        "'",
        "\"",
        "\\ud83d",
        "{{resolve:x}}",
        "~",
        "!!str ",
        "|\n",
        "é",
        "\t",
        "---\n",
        "? ",
        "Variables: { A: ",
        "Type: Api",
        "Path: '/{a+}/{'",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..40)
        .prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn no_text_panics(text in "\\PC*") {
        read_without_panic(&text);
    }

    #[test]
    fn no_mixture_of_fragments_panics(text in fragment()) {
        read_without_panic(&text);
    }

    #[test]
    fn no_damaged_template_panics(from in 0..ITEMS.len(), length in 0..80usize, instead in fragment()) {
        let mut text = ITEMS.to_owned();
        let to = (from + length).min(text.len());
        if text.is_char_boundary(from) && text.is_char_boundary(to) {
            text.replace_range(from..to, &instead);
        }
        read_without_panic(&text);
    }
}

#[test]
fn deep_nesting_is_an_error() {
    for open in ["[", "{a: ", "!If [C, "] {
        let error = parse(
            Path::new("t.yaml"),
            &open.repeat(100_000),
            &StackContext::default(),
        )
        .expect_err("it is too deep");
        let error = error.to_string();
        // The YAML parser may read ahead and reach its own limit first.
        assert!(
            error.contains("nested more than 100 levels deep") || error.contains("recursion limit"),
            "{error}"
        );
    }
}

#[test]
fn aliases_that_multiply_are_an_error() {
    let mut text = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (this, last) in ('b'..='k').zip('a'..='j') {
        text.push_str(&format!(
            "{this}: &{this} [{}]\n",
            vec![format!("*{last}"); 10].join(", ")
        ));
    }
    let error =
        parse(Path::new("t.yaml"), &text, &StackContext::default()).expect_err("it is too large");
    assert!(error.to_string().contains("too large"), "{error}");
}

#[test]
fn aliases_that_nest_deeply_are_an_error() {
    for (open, close) in [("[", "]"), ("{Ref: ", "}")] {
        let nested = |value: &str| format!("{}{value}{}", open.repeat(98), close.repeat(98));
        let mut text = format!("a0: &a0 {}\n", nested("x"));
        for this in 1..100 {
            let last = format!("*a{}", this - 1);
            text.push_str(&format!("a{this}: &a{this} {}\n", nested(&last)));
        }
        let error = parse(Path::new("t.yaml"), &text, &StackContext::default())
            .expect_err("it is too deep");
        let error = error.to_string();
        assert!(error.starts_with("t.yaml:2:"), "{error}");
        assert!(
            error.contains("nested more than 100 levels deep"),
            "{error}"
        );
    }
}

#[test]
fn keys_that_aliases_repeat_are_counted() {
    // 1,000 keys and values, repeated 400 times.
    let entries: String = (0..1_000).map(|key| format!("k{key}: v, ")).collect();
    let aliases = "*a, ".repeat(400);
    let text = format!("a: &a {{ {entries} }}\nb: [{aliases}]\n");
    let error =
        parse(Path::new("t.yaml"), &text, &StackContext::default()).expect_err("it is too large");
    assert!(error.to_string().contains("too large"), "{error}");
}

#[test]
fn names_that_multiply_are_an_error() {
    let mut text = "Resources:\n".to_owned();
    for number in 0..40 {
        let next = number + 1;
        text.push_str(&format!(
            "  T{number}: {{ Type: 'AWS::Serverless::SimpleTable', Properties: {{ TableName: !Sub '${{T{next}}}${{T{next}}}' }} }}\n"
        ));
    }
    text.push_str("  T40: { Type: 'AWS::Serverless::SimpleTable' }\n");
    let error = parse(Path::new("t.yaml"), &text, &StackContext::default())
        .expect_err("it would take exponential time");
    assert!(error.to_string().contains("too deeply"), "{error}");
}
