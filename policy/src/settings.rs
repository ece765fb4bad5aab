//! Reads a policy from its file.

use crate::bucket::{Template, Urls};
use crate::detect::DETECTORS;
use crate::field_path::{FIXED_FIELDS, FieldPath};
use crate::pattern::Pattern;
use crate::policy::{AnnotationRules, Mode, Policy, RedactRules, RuleNames, detector_names};
use crate::required::MAX_REQUIRED;
use crate::source::{Fields, Node, Problem, Problems, Value};

/// The most patterns of a policy's author: each searches every text.
const MAX_PATTERNS: usize = 32;

/// The range of `max_distinct_values`: what the estimate can tell apart.
const DISTINCT_VALUES: (u32, u32) = (1, 10_000);

/// The reason why a policy cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyError {
    /// The mode, if the file is JSON and states it; [`Mode::Enforce`] if it states it twice and
    /// not both times as `audit`. It tells whether documents may be sent
    /// although the policy cannot be applied.
    pub mode: Option<Mode>,
    /// The mistakes, in the order of the text; at least one.
    pub problems: Vec<Problem>,
}

impl std::fmt::Display for PolicyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for PolicyError {}

impl Policy {
    /// Reads a policy in JSON. `docs/policy.md` in the repository describes the settings.
    ///
    /// # Errors
    /// The text is not JSON, or a setting is unknown, wrong or missing: every mistake, each with
    /// its place and what to write.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let node = Node::parse(text).map_err(|problem| PolicyError {
            mode: None,
            problems: vec![problem],
        })?;
        let mut problems = Problems::new(text);
        let policy = read(&node, &mut problems);
        if problems.is_empty() {
            return Ok(policy);
        }
        Err(PolicyError {
            mode: stated_mode(&node),
            problems: problems.into_sorted(),
        })
    }
}

const MODES: [Mode; 2] = [Mode::Audit, Mode::Enforce];

/// The mode of a file with mistakes.
fn stated_mode(node: &Node) -> Option<Mode> {
    let Value::Object(members) = &node.value else {
        return None;
    };
    let is_mode = |name: &str| name.eq_ignore_ascii_case("mode");
    let mut modes = members.iter().filter(|member| is_mode(&member.name));
    let first = mode(node.get("mode")?);
    match modes.clone().count() {
        1 => first,
        _ if modes.all(|member| mode(&member.node) == Some(Mode::Audit)) => first,
        // One of them may be the one that the author means.
        _ => Some(Mode::Enforce),
    }
}

fn mode(node: &Node) -> Option<Mode> {
    let Value::String(text) = &node.value else {
        return None;
    };
    MODES.into_iter().find(|mode| mode.name() == text)
}

fn read(node: &Node, problems: &mut Problems<'_>) -> Policy {
    let known = [
        "annotations",
        "description",
        "forbidden",
        "mode",
        "names",
        "redact",
        "urls",
    ];
    let fields = Fields::check(node, "the policy", &known, problems);
    fields.string("description", problems);
    let mode = fields.one_of("mode", &MODES.map(Mode::name), problems);
    if fields.get("mode").is_none() {
        problems.add(
            node.at,
            "the policy has no \"mode\"; add \"mode\": \"audit\", which changes nothing, or \"mode\": \"enforce\"",
        );
    }
    let annotations = fields.get("annotations");
    let annotations = annotations.map(|node| read_annotations(node, problems));
    let forbidden = read_paths(&fields, "forbidden", problems);
    let redact = fields.get("redact").map(|node| read_redact(node, problems));
    let redact = redact.unwrap_or_default();
    let names = fields.get("names").map(|node| {
        let fields = Fields::check(node, "names", &["bucket"], problems);
        fields.boolean("bucket", true, problems)
    });
    Policy {
        mode: MODES[mode.unwrap_or_default()],
        annotations: annotations.unwrap_or_default(),
        rules: RuleNames::new(&forbidden, &redact),
        forbidden,
        redact,
        urls: fields.get("urls").map(|node| read_urls(node, problems)),
        bucket_names: names.unwrap_or(false),
    }
}

fn read_annotations(node: &Node, problems: &mut Problems<'_>) -> AnnotationRules {
    let known = ["allowed", "max_distinct_values", "required"];
    let fields = Fields::check(node, "annotations", &known, problems);
    let allowed = fields.get("allowed").is_some().then(|| {
        let allowed = fields.strings("allowed", problems);
        allowed.iter().map(|(key, _)| (*key).to_owned()).collect()
    });
    let mut rules = AnnotationRules {
        allowed,
        required: Vec::new(),
        max_distinct_values: fields.whole_number("max_distinct_values", DISTINCT_VALUES, problems),
    };
    for (index, (key, at)) in fields.strings("required", problems).into_iter().enumerate() {
        if index == MAX_REQUIRED {
            problems.add(
                at,
                format_args!("required has more than {MAX_REQUIRED} keys"),
            );
        } else if !xray_document::is_annotation_key(key) {
            problems.add(
                at,
                format_args!(
                    "required: \"{}\" is not an annotation's key: letters, digits and _ . :",
                    key.escape_debug()
                ),
            );
        } else if !rules.allows(key) {
            problems.add(
                at,
                format_args!(
                    "required: \"{key}\" is not in allowed, so it would be removed; add it to allowed"
                ),
            );
        }
        rules.required.push(key.to_owned());
    }
    rules
}

fn read_paths(fields: &Fields<'_>, name: &str, problems: &mut Problems<'_>) -> Vec<FieldPath> {
    let mut paths = Vec::new();
    for (text, at) in fields.strings(name, problems) {
        match FieldPath::parse(text) {
            Ok(_) if name == "forbidden" && FIXED_FIELDS.contains(&text) => problems.add(
                at,
                format_args!("forbidden: X-Ray requires the field \"{text}\"; remove this path"),
            ),
            Ok(path) => paths.push(path),
            Err(reason) => problems.add(
                at,
                format_args!("{name}: \"{}\" {reason}", text.escape_debug()),
            ),
        }
    }
    paths
}

fn read_redact(node: &Node, problems: &mut Problems<'_>) -> RedactRules {
    let known = ["detectors", "except", "patterns"];
    let fields = Fields::check(node, "redact", &known, problems);
    let names = detector_names();
    let mut detectors = Vec::new();
    for (name, at) in fields.strings("detectors", problems) {
        match DETECTORS.iter().find(|detector| detector.name == name) {
            Some(detector) if !detectors.contains(detector) => detectors.push(*detector),
            Some(_) => {}
            None => problems.add(
                at,
                format_args!(
                    "there is no detector \"{}\"{}",
                    name.escape_debug(),
                    suggestion(name, &names)
                ),
            ),
        }
    }
    if fields.get("detectors").is_none() {
        detectors = DETECTORS.to_vec();
    }
    RedactRules {
        detectors,
        patterns: read_patterns(&fields, problems),
        except: read_paths(&fields, "except", problems),
    }
}

fn suggestion(name: &str, known: &[&str]) -> String {
    match crate::suggest::did_you_mean(name, known).as_str() {
        "" => format!("; there are {}", known.join(", ")),
        near => near.to_owned(),
    }
}

fn read_patterns(fields: &Fields<'_>, problems: &mut Problems<'_>) -> Vec<(String, Pattern)> {
    let Some(node) = fields.get("patterns") else {
        return Vec::new();
    };
    let Value::Object(members) = &node.value else {
        problems.add(
            node.at,
            "patterns is not an object; write {\"employee\": \"EMP-\\\\d{6}\"}",
        );
        return Vec::new();
    };
    let mut patterns: Vec<(String, Pattern)> = Vec::new();
    for (index, member) in members.iter().enumerate() {
        let name = member.name.as_str();
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if index == MAX_PATTERNS {
            problems.add(
                member.at,
                format_args!("patterns has more than {MAX_PATTERNS} members"),
            );
        } else if name.is_empty() || name.len() > 32 || !name.bytes().all(is_word) {
            problems.add(
                member.at,
                format_args!(
                    "\"{}\" is not a pattern's name: 1 to 32 letters, digits and _",
                    name.escape_debug()
                ),
            );
        } else if detector_names().contains(&name) {
            problems.add(
                member.at,
                format_args!("\"{name}\" is the name of a detector; choose another"),
            );
        } else if patterns.iter().any(|(other, _)| other == name) {
            problems.add(
                member.at,
                format_args!("\"{name}\" is there twice; remove one"),
            );
        }
        let Value::String(text) = &member.node.value else {
            let kind = member.node.value.kind();
            problems.add(
                member.node.at,
                format_args!("the pattern is {kind}; write a string"),
            );
            continue;
        };
        match Pattern::parse(text) {
            Ok(pattern) => patterns.push((name.to_owned(), pattern)),
            Err(reason) => problems.add(member.node.at, format_args!("the pattern {reason}")),
        }
    }
    patterns
}

fn read_urls(node: &Node, problems: &mut Problems<'_>) -> Urls {
    const QUERIES: [&str; 2] = ["remove", "keep"];
    let known = ["bucket", "query", "templates"];
    let fields = Fields::check(node, "urls", &known, problems);
    let mut templates = Vec::new();
    for (text, at) in fields.strings("templates", problems) {
        match Template::parse(text) {
            Ok(template) => templates.push(template),
            Err(reason) => problems.add(
                at,
                format_args!("templates: \"{}\" {reason}", text.escape_debug()),
            ),
        }
    }
    Urls {
        bucket: fields.boolean("bucket", true, problems),
        keep_query: fields.one_of("query", &QUERIES, problems) == Some(1),
        templates,
    }
}
