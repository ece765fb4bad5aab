use std::borrow::Cow;
use std::fmt;

use xray_document::TraceId;
use xray_document::limits::MAX_DOCUMENT_BYTES;

use crate::distinct::DistinctValues;
use crate::policy::{Mode, Policy, Rule};
use crate::required::RequiredKeys;
use crate::walk::{Mask, Observer, walk};

/// Applies a policy to documents, and counts what it finds. Its memory is bounded.
#[derive(Debug)]
pub struct Filter {
    policy: Policy,
    counts: Counts,
}

/// What became of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    /// The document may leave as it is.
    Unchanged,
    /// The document may leave in this form.
    Changed(String),
    /// The text is not JSON, so it was not searched and must not leave.
    Rejected,
}

/// One place in a document to which a rule applies.
#[derive(Debug, Clone, Copy)]
pub struct Finding<'f> {
    /// The name of the rule, as in [`RuleCount`].
    pub rule: &'f str,
    /// The path of the field in its segment or subsegment.
    pub path: &'f str,
    /// The length of the text that the rule removes or replaces, in characters. The text itself
    /// is not shown.
    pub characters: usize,
}

/// The number of documents in which a rule found something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleCount {
    /// The name of the rule: its setting, with the path or the detector.
    pub rule: String,
    /// Documents, or traces for `annotations.required`.
    pub count: u64,
}

#[derive(Debug)]
struct Counts {
    documents: u64,
    /// Documents in which any rule found something.
    affected: u64,
    rejected: u64,
    by_rule: Vec<u64>,
    distinct: DistinctValues,
    required: RequiredKeys,
}

impl Filter {
    /// Applies `policy`. Nothing is counted yet.
    pub fn new(policy: Policy) -> Self {
        let counts = Counts {
            documents: 0,
            affected: 0,
            rejected: 0,
            by_rule: vec![0; policy.rules.len()],
            distinct: DistinctValues::default(),
            required: RequiredKeys::new(policy.annotations.required.len()),
        };
        Self { policy, counts }
    }

    /// The policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Applies the policy to a document of a trace, subsegments included. In the mode `audit`
    /// the result is always [`Applied::Unchanged`].
    ///
    /// A document that changes keeps all its other bytes. It stays within
    /// [`MAX_DOCUMENT_BYTES`], or does not grow.
    pub fn apply(&mut self, trace: Option<TraceId>, json: &str) -> Applied {
        self.apply_with(trace, json, |_| {})
    }

    /// The same, and reports each finding.
    pub fn apply_with(
        &mut self,
        trace: Option<TraceId>,
        json: &str,
        report: impl FnMut(Finding<'_>),
    ) -> Applied {
        let mut seen = Seen {
            policy: &self.policy,
            rules: Vec::new(),
            required: 0,
            distinct: &mut self.counts.distinct,
            report,
        };
        let edits = walk(&self.policy, json, Mask::Named, &mut seen);
        let (rules, required) = (seen.rules, seen.required);
        self.counts.documents += 1;
        let Ok(edits) = edits else {
            self.counts.rejected += 1;
            return match self.policy.mode {
                Mode::Audit => Applied::Unchanged,
                Mode::Enforce => Applied::Rejected,
            };
        };
        self.counts.affected += u64::from(!rules.is_empty());
        for rule in rules {
            self.counts.by_rule[rule] += 1;
        }
        if let Some(trace) = trace.filter(|_| !self.policy.annotations.required.is_empty()) {
            self.counts.required.add(trace, required);
        }
        if self.policy.mode == Mode::Audit || edits.is_empty() {
            return Applied::Unchanged;
        }
        let changed = edits.apply(json);
        if changed.len() <= json.len().max(MAX_DOCUMENT_BYTES) {
            return Applied::Changed(changed);
        }
        match walk(&self.policy, json, Mask::Short, &mut Ignored) {
            Ok(edits) => Applied::Changed(edits.apply(json)),
            Err(_) => Applied::Rejected,
        }
    }

    /// The rules that found something, in the order of the policy.
    pub fn counts(&self) -> Vec<RuleCount> {
        let counts = &self.counts;
        let by_rule = counts.by_rule.iter().enumerate();
        let mut found: Vec<RuleCount> = by_rule
            .map(|(rule, &count)| RuleCount {
                rule: self.policy.rules.name(rule).to_owned(),
                count,
            })
            .collect();
        let (_, missing) = counts.required.result();
        let required = self.policy.annotations.required.iter().zip(missing);
        found.extend(required.map(|(key, count)| RuleCount {
            rule: format!("annotations.required {key}"),
            count,
        }));
        found.retain(|rule| rule.count > 0);
        found
    }

    /// The annotation keys with more distinct values than the policy allows, each with the
    /// estimated number.
    pub fn keys_with_many_values(&self) -> Vec<(String, u32)> {
        let Some(max) = self.policy.annotations.max_distinct_values else {
            return Vec::new();
        };
        let over = self.counts.distinct.over(max);
        over.map(|(key, values)| (key.to_owned(), values)).collect()
    }

    /// Returns whether a rule found something, or a document could not be read.
    pub fn has_findings(&self) -> bool {
        self.counts.rejected > 0
            || !self.counts().is_empty()
            || !self.keys_with_many_values().is_empty()
    }

    /// The number of documents so far.
    pub fn documents(&self) -> u64 {
        self.counts.documents
    }

    /// The number of documents in which a rule found something.
    pub fn affected(&self) -> u64 {
        self.counts.affected
    }
}

/// One line about all documents so far; without findings it ends after their number.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts {
            documents,
            affected,
            rejected,
            ..
        } = self.counts;
        let changed = match self.policy.mode {
            Mode::Audit => "would change",
            Mode::Enforce => "changed",
        };
        write!(
            f,
            "policy ({}): {affected} of {documents} documents {changed}",
            self.policy.mode.name()
        )?;
        let mut separator = ": ";
        for RuleCount { rule, count } in self.counts() {
            let unit = match rule.starts_with("annotations.required") {
                true => " traces without it",
                false => "",
            };
            write!(f, "{separator}{rule} {count}{unit}")?;
            separator = ", ";
        }
        for (key, values) in self.keys_with_many_values() {
            // A key comes from outside.
            let key = key.escape_debug();
            write!(
                f,
                "{separator}annotations.max_distinct_values {key} about {values} values"
            )?;
            separator = ", ";
        }
        if rejected > 0 {
            write!(f, "{separator}{rejected} could not be read")?;
        }
        Ok(())
    }
}

/// Collects the findings of one document.
struct Seen<'p, F> {
    policy: &'p Policy,
    /// The rules that found something, each once.
    rules: Vec<Rule>,
    /// A bit for each required annotation that was seen.
    required: u64,
    distinct: &'p mut DistinctValues,
    report: F,
}

impl<F: FnMut(Finding<'_>)> Observer for Seen<'_, F> {
    fn found(&mut self, rule: Rule, path: &[Cow<'_, str>], characters: usize) {
        if !self.rules.contains(&rule) {
            self.rules.push(rule);
        }
        (self.report)(Finding {
            rule: self.policy.rules.name(rule),
            path: &path.join("."),
            characters,
        });
    }

    fn annotation(&mut self, key: &str, value: &str) {
        let rules = &self.policy.annotations;
        if let Some(index) = rules.required.iter().position(|required| required == key) {
            self.required |= 1 << index;
        }
        if rules.max_distinct_values.is_some() {
            self.distinct.add(key, value);
        }
    }
}

/// For a second walk through a document that is counted already.
struct Ignored;

impl Observer for Ignored {
    fn found(&mut self, _: Rule, _: &[Cow<'_, str>], _: usize) {}
    fn annotation(&mut self, _: &str, _: &str) {}
}
