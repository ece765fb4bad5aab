use std::ops::Range;

use crate::lexer::write_string;

/// Changes of a text, in the order of their places. What lies between them keeps its bytes.
#[derive(Debug, Default)]
pub(crate) struct Edits {
    edits: Vec<(Range<usize>, String)>,
}

impl Edits {
    pub(crate) fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// Replaces bytes behind those of the last change.
    pub(crate) fn replace(&mut self, range: Range<usize>, text: impl Into<String>) {
        self.edits.push((range, text.into()));
    }

    /// Replaces bytes by a JSON string of these characters.
    pub(crate) fn replace_string(&mut self, range: Range<usize>, text: &str) {
        let mut string = String::with_capacity(text.len() + 2);
        write_string(text, &mut string);
        self.replace(range, string);
    }

    /// The text with all changes.
    pub(crate) fn apply(&self, text: &str) -> String {
        let mut changed = String::with_capacity(text.len());
        let mut at = 0;
        for (range, new) in &self.edits {
            changed.push_str(text.get(at..range.start).unwrap_or_default());
            changed.push_str(new);
            at = range.end;
        }
        changed.push_str(text.get(at..).unwrap_or_default());
        changed
    }
}
