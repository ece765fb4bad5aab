use std::fmt;

/// A mistake in a settings file. Displays as `LINE:COLUMN: the reason and the next step`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The reason and the next step.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

/// Collects the mistakes in one text.
#[derive(Debug)]
pub struct Problems<'a> {
    text: &'a str,
    problems: Vec<Problem>,
}

impl<'a> Problems<'a> {
    /// No mistake in `text` yet.
    pub fn new(text: &'a str) -> Self {
        Self {
            text,
            problems: Vec::new(),
        }
    }

    /// Adds a mistake at a byte of the text.
    pub fn add(&mut self, at: usize, message: impl fmt::Display) {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        self.problems.push(Problem {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message: message.to_string(),
        });
    }

    /// Returns whether there is no mistake.
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// The mistakes, in the order of their places.
    pub fn into_sorted(mut self) -> Vec<Problem> {
        self.problems
            .sort_by_key(|problem| (problem.line, problem.column));
        self.problems
    }
}
