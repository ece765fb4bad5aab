//! What is wrong with a template, and where.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::Path;

use crate::place::Place;

/// Why a template cannot be used: one or more problems, each with its place.
///
/// Prints one problem after another, `file:line:column: what is wrong`, each with the
/// line of the template that it speaks of.
#[derive(Debug)]
pub struct TemplateError {
    problems: Vec<String>,
    source: Option<io::Error>,
}

impl TemplateError {
    pub(crate) fn new(problem: impl Into<String>) -> Self {
        Self {
            problems: vec![problem.into()],
            source: None,
        }
    }

    pub(crate) fn io(problem: impl Into<String>, source: io::Error) -> Self {
        Self {
            problems: vec![problem.into()],
            source: Some(source),
        }
    }

    /// The problems in the order of their places, each said once.
    pub(crate) fn in_file(path: &Path, text: &str, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| problem.place);
        // What is wrong in Globals is wrong in every resource that it goes into.
        let mut said = BTreeSet::new();
        problems.retain(|problem| said.insert(problem.place));
        let problems = problems
            .iter()
            .map(|problem| problem.show(path, text))
            .collect();
        Self {
            problems,
            source: None,
        }
    }

    /// What is wrong, one text for each problem.
    #[must_use]
    pub fn problems(&self) -> &[String] {
        &self.problems
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problems.join("\n"))
    }
}

impl std::error::Error for TemplateError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}

/// One thing that is wrong, before its file is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) place: Place,
    /// `ItemsFunction.Timeout`; empty for what belongs to no resource.
    subject: String,
    /// What of the subject: `.Variables.TABLE_NAME`.
    beneath: String,
    message: String,
}

impl Problem {
    pub(crate) fn new(place: Place, message: impl Into<String>) -> Self {
        Self {
            place,
            subject: String::new(),
            beneath: String::new(),
            message: message.into(),
        }
    }

    /// Says which resource and property this is about, unless that is known already.
    pub(crate) fn about(mut self, subject: &str) -> Self {
        if self.subject.is_empty() {
            self.subject = format!("{subject}{}", self.beneath);
        }
        self
    }

    /// Says where in its subject this is, from the inside out.
    pub(crate) fn within(mut self, key: &str) -> Self {
        self.beneath.insert_str(0, key);
        self.beneath.insert(0, '.');
        self
    }

    fn show(&self, path: &Path, text: &str) -> String {
        let Place { line, column } = self.place;
        let mut shown = format!("{}:{line}:{column}: ", path.display());
        if !self.subject.is_empty() {
            shown.push_str(&self.subject);
            shown.push_str(": ");
        }
        shown.push_str(&self.message);
        let source_line = line
            .checked_sub(1)
            .and_then(|index| text.lines().nth(index));
        if let Some(source_line) =
            source_line.filter(|source_line| source_line.chars().count() <= MAX_SHOWN_CHARS)
        {
            let number = line.to_string();
            let source_line = source_line.replace('\t', " ");
            let gutter = " ".repeat(number.len());
            let indent = " ".repeat(column.saturating_sub(1).min(MAX_SHOWN_CHARS));
            shown.push_str(&format!(
                "\n  {number} | {source_line}\n  {gutter} | {indent}^"
            ));
        }
        shown
    }
}

/// A longer line (a template in one line of JSON) would hide the message above it.
const MAX_SHOWN_CHARS: usize = 160;
