use std::borrow::Cow;

use crate::bucket::Urls;
use crate::detect::{DETECTORS, Detector, SECRET};
use crate::field_path::FieldPath;
use crate::pattern::Pattern;
use crate::wildcard::matches_wildcard;

/// Whether a policy changes documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Counts what would change. Every document stays as it is.
    Audit,
    /// Changes documents.
    Enforce,
}

impl Mode {
    /// The word in the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::Enforce => "enforce",
        }
    }
}

/// A policy: which annotations, fields, URLs and secrets may leave a function.
///
/// [`Policy::parse`] reads one, and a [`Filter`](crate::Filter) applies it.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    pub(crate) mode: Mode,
    pub(crate) annotations: AnnotationRules,
    pub(crate) forbidden: Vec<FieldPath>,
    pub(crate) redact: RedactRules,
    pub(crate) urls: Option<Urls>,
    /// True if ids in the paths of names are replaced.
    pub(crate) bucket_names: bool,
    /// The names of all rules that can find something in a document.
    pub(crate) rules: RuleNames,
}

/// Rules for annotations.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct AnnotationRules {
    /// Patterns of the allowed keys; `None` allows every key.
    pub(crate) allowed: Option<Vec<String>>,
    /// Keys that each trace must have.
    pub(crate) required: Vec<String>,
    /// The most distinct values of a key; `None` is no limit.
    pub(crate) max_distinct_values: Option<u32>,
}

impl AnnotationRules {
    pub(crate) fn allows(&self, key: &str) -> bool {
        let allowed = self.allowed.as_deref();
        allowed.is_none_or(|allowed| allowed.iter().any(|pattern| matches_wildcard(pattern, key)))
    }
}

/// Values that must not be sent.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct RedactRules {
    pub(crate) detectors: Vec<Detector>,
    /// Patterns of the author, each with its name.
    pub(crate) patterns: Vec<(String, Pattern)>,
    /// Fields that are not searched.
    pub(crate) except: Vec<FieldPath>,
}

/// The names of the rules. A rule is known by its index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RuleNames {
    names: Vec<String>,
    forbidden: usize,
    detectors: usize,
    patterns: usize,
}

/// The index of a rule in [`RuleNames`].
pub(crate) type Rule = usize;

impl RuleNames {
    pub(crate) const DEPTH: Rule = 0;
    pub(crate) const ALLOWED: Rule = 1;
    pub(crate) const URLS: Rule = 2;
    pub(crate) const NAMES: Rule = 3;

    pub(crate) fn new(forbidden: &[FieldPath], redact: &RedactRules) -> Self {
        let mut names: Vec<String> = ["depth", "annotations.allowed", "urls", "names"]
            .map(str::to_owned)
            .into();
        let first_forbidden = names.len();
        names.extend(forbidden.iter().map(|path| format!("forbidden {path}")));
        let first_detector = names.len();
        let detectors = redact.detectors.iter();
        names.extend(detectors.map(|detector| format!("redact {}", detector.name)));
        let first_pattern = names.len();
        let patterns = redact.patterns.iter();
        names.extend(patterns.map(|(name, _)| format!("redact {name}")));
        Self {
            names,
            forbidden: first_forbidden,
            detectors: first_detector,
            patterns: first_pattern,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    pub(crate) fn name(&self, rule: Rule) -> &str {
        self.names.get(rule).map_or("", String::as_str)
    }
}

/// What a rule found in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Match {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) rule: Rule,
}

impl Policy {
    /// Whether the policy changes documents.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    pub(crate) fn is_annotation_allowed(&self, key: &str) -> bool {
        self.annotations.allows(key)
    }

    /// The rule that forbids the field, if one does.
    pub(crate) fn forbids(&self, path: &[Cow<'_, str>]) -> Option<Rule> {
        let index = self
            .forbidden
            .iter()
            .position(|forbidden| forbidden.matches(path));
        index.map(|index| self.rules.forbidden + index)
    }

    pub(crate) fn is_exempt(&self, path: &[Cow<'_, str>]) -> bool {
        self.redact
            .except
            .iter()
            .any(|except| except.contains(path))
    }

    /// The rule for the values of fields whose name announces a secret, if it is on.
    pub(crate) fn secret_rule(&self) -> Option<Rule> {
        let mut detectors = self.redact.detectors.iter();
        let index = detectors.position(|detector| detector.name == SECRET);
        index.map(|index| self.rules.detectors + index)
    }

    /// The name of the detector or pattern of a redacting rule.
    pub(crate) fn mask_name(&self, rule: Rule) -> &str {
        let name = self.rules.name(rule);
        name.split_once(' ').map_or(name, |(_, name)| name)
    }

    /// Finds all that must not be sent, in order. Matches that overlap are one.
    pub(crate) fn search(&self, text: &str) -> Vec<Match> {
        // The shortest match of a detector: `pwd=x`.
        const MIN_BYTES: usize = 5;
        let detectors = self.redact.detectors.iter().enumerate();
        let detectors = detectors.filter(|_| text.len() >= MIN_BYTES);
        let mut matches: Vec<Match> = detectors
            .flat_map(|(index, detector)| {
                let rule = self.rules.detectors + index;
                detector.matches(text).map(move |range| Match {
                    start: range.start,
                    end: range.end,
                    rule,
                })
            })
            .collect();
        let chars: Vec<char> = match self.redact.patterns.is_empty() {
            true => Vec::new(),
            false => text.chars().collect(),
        };
        for (index, (_, pattern)) in self.redact.patterns.iter().enumerate() {
            let found = pattern.matches(&chars).into_iter().map(|range| Match {
                start: range.start,
                end: range.end,
                rule: self.rules.patterns + index,
            });
            matches.extend(found);
        }
        if matches.len() > 1 {
            // A longer match comes first, because it names the whole better than a part of it.
            matches.sort_by_key(|found| (found.start, std::cmp::Reverse(found.end)));
            matches.dedup_by(|next, kept| {
                let overlaps = next.start < kept.end;
                if overlaps {
                    kept.end = kept.end.max(next.end);
                }
                overlaps
            });
        }
        matches
    }
}

/// The detectors by name, for messages.
pub(crate) fn detector_names() -> Vec<&'static str> {
    DETECTORS.iter().map(|detector| detector.name).collect()
}
