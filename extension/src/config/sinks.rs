use std::path::PathBuf;

use super::variable::{Variable, Variables};

/// A destination of documents, as `XRAY_LAMBDA_SINKS` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkChoice {
    /// `xray`: AWS X-Ray.
    XRay,
    /// `file:PATH`: JSON Lines in a file.
    File(PathBuf),
}

impl SinkChoice {
    /// An example of each sink, as the warning about an unknown one shows them.
    const EXAMPLES: [&str; 2] = ["xray", "file:PATH"];

    fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            None if text == "xray" => Some(Self::XRay),
            Some(("file", path)) if !path.is_empty() => Some(Self::File(path.into())),
            _ => None,
        }
    }
}

pub(super) const SINKS: Variable = Variable {
    name: "XRAY_LAMBDA_SINKS",
    default: "xray",
    description: "Destinations of documents, separated by commas: `xray`, and `file:PATH` for a file of JSON Lines, 64 MB at most, in the sandbox",
};

/// The configured sinks, each once; at least one.
pub(super) fn sinks(get: Variables<'_>, warnings: &mut Vec<String>) -> Vec<SinkChoice> {
    let Variable { name, default, .. } = SINKS;
    let value = get(name);
    let mut sinks = Vec::new();
    for text in value
        .as_deref()
        .unwrap_or(default)
        .split(',')
        .map(str::trim)
    {
        match SinkChoice::parse(text) {
            Some(sink) if !sinks.contains(&sink) => sinks.push(sink),
            Some(_) => {}
            None => warnings.push(format!(
                "{name}: \"{}\" is not a sink; use {}",
                text.escape_debug(),
                SinkChoice::EXAMPLES.join(" or ")
            )),
        }
    }
    if sinks.is_empty() {
        warnings.push(format!("{name} contains no sink; using {default} instead"));
        sinks.push(SinkChoice::XRay);
    }
    sinks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_sink_is_ignored_with_a_warning() {
        let sinks = |value: &str| {
            let mut warnings = Vec::new();
            let sinks = sinks(&|_| Some(value.to_owned()), &mut warnings);
            (sinks, warnings.len())
        };
        let file = SinkChoice::File("/tmp/a:b.jsonl".into());
        assert_eq!(super::sinks(&|_| None, &mut Vec::new()), [SinkChoice::XRay]);
        assert_eq!(
            sinks("xray, file:/tmp/a:b.jsonl,xray"),
            (vec![SinkChoice::XRay, file.clone()], 0)
        );
        assert_eq!(sinks("file:/tmp/a:b.jsonl,kafka"), (vec![file], 1));
        assert_eq!(sinks("file:"), (vec![SinkChoice::XRay], 2));
    }

    #[test]
    fn each_sink_is_read_and_documented() {
        for example in SinkChoice::EXAMPLES {
            assert!(SinkChoice::parse(example).is_some(), "{example}");
            let word = format!("`{example}`");
            assert!(SINKS.description.contains(&word), "{word} is not in SINKS");
        }
    }
}
