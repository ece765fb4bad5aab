//! The mistakes in a template, each with its place.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;
use std::path::Path;

use crate::place::Place;

/// The reasons why a template cannot be used.
///
/// Displays one problem after another as `file:line:column: problem`, each followed by its
/// line of the template.
#[derive(Debug)]
pub struct TemplateError {
    problems: Vec<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl TemplateError {
    pub(crate) fn new(problem: String) -> Self {
        Self {
            problems: vec![problem],
            source: None,
        }
    }

    /// The file cannot be read. The cause is only the source, so that a printed chain shows it
    /// once.
    pub(crate) fn file(problem: String, source: impl Error + Send + Sync + 'static) -> Self {
        Self {
            problems: vec![problem],
            source: Some(Box::new(source)),
        }
    }

    /// The problems in the order of their places, one for each place.
    pub(crate) fn in_file(path: &Path, text: &str, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| problem.place);
        // A mistake in Globals is found again in every resource that Globals applies to.
        let mut places = BTreeSet::new();
        problems.retain(|problem| places.insert(problem.place));
        let problems = problems
            .iter()
            .map(|problem| problem.show(path, text))
            .collect();
        Self {
            problems,
            source: None,
        }
    }

    /// One text for each problem, in the order of their places.
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

impl Error for TemplateError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// One mistake, before its file is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) place: Place,
    /// The resource and property, such as `ItemsFunction.Timeout`. Empty outside resources.
    subject: String,
    /// The keys within the subject, such as `.Variables.TABLE_NAME`.
    keys: String,
    message: String,
}

impl Problem {
    pub(crate) fn new(place: Place, message: impl Into<String>) -> Self {
        Self {
            place,
            subject: String::new(),
            keys: String::new(),
            message: message.into(),
        }
    }

    /// Sets the resource and property, unless they are set already.
    pub(crate) fn about(mut self, subject: &str) -> Self {
        if self.subject.is_empty() {
            self.subject = format!("{subject}{}", self.keys);
        }
        self
    }

    /// Puts a key before the keys so far: the innermost key is added first.
    pub(crate) fn within(mut self, key: &str) -> Self {
        self.keys.insert_str(0, key);
        self.keys.insert(0, '.');
        self
    }

    fn show(&self, path: &Path, text: &str) -> String {
        let Place { line, column } = self.place;
        let mut shown = format!("{}:{line}:{column}: ", path.display());
        if !self.subject.is_empty() {
            shown.push_str(&on_one_line(&self.subject));
            shown.push_str(": ");
        }
        shown.push_str(&on_one_line(&self.message));
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

/// The text with control characters, such as the line ends of a quoted name, in the form of
/// JSON: only this file adds lines to an error.
pub(crate) fn on_one_line(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let characters = text.chars().map(|c| match c {
        c if c.is_control() => format!("\\u{:04x}", u32::from(c)),
        c => c.to_string(),
    });
    Cow::Owned(characters.collect())
}

/// Longer lines are not shown: a template in one line of JSON would hide the message.
const MAX_SHOWN_CHARS: usize = 160;
