use std::borrow::Cow;
use std::fmt;

use crate::wildcard::{glob, matches_wildcard};

/// The path of a field in a segment or subsegment, such as `http.request.client_ip`.
///
/// A part may have the wildcards `*` and `?`; the part `**` is any number of parts. The case of
/// ASCII letters is ignored. The elements of an array have the path of the array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldPath {
    text: String,
    parts: Vec<String>,
}

/// Fields that X-Ray requires or that hold a trace together (X-Ray Developer Guide, "segment
/// documents"). No rule removes them.
pub(crate) const FIXED_FIELDS: &[&str] = &[
    "end_time",
    "id",
    "in_progress",
    "name",
    "parent_id",
    "start_time",
    "subsegments",
    "trace_id",
    "type",
];

/// The most parts of a path.
const MAX_PARTS: usize = 32;

impl FieldPath {
    /// Reads a path.
    ///
    /// # Errors
    /// The path has an empty part or too many, or names a field that cannot be removed. The
    /// message says so, without the path.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let parts: Vec<String> = text.split('.').map(str::to_owned).collect();
        if parts.iter().any(String::is_empty) {
            return Err("has an empty part; write it as \"http.request.client_ip\"".to_owned());
        }
        if parts.len() > MAX_PARTS {
            return Err(format!("has more than {MAX_PARTS} parts"));
        }
        if parts[0] == "subsegments" {
            return Err("begins with \"subsegments\"; leave that out, because a path is for each segment and subsegment by itself".to_owned());
        }
        Ok(Self {
            text: text.to_owned(),
            parts,
        })
    }

    /// Returns whether this is the path.
    pub(crate) fn matches(&self, path: &[Cow<'_, str>]) -> bool {
        glob(
            &self.parts,
            path,
            |part| part == "**",
            |part, name| matches_wildcard(part, name),
        )
    }

    /// Returns whether the path is this one, or inside of it.
    pub(crate) fn contains(&self, path: &[Cow<'_, str>]) -> bool {
        (1..=path.len()).any(|length| self.matches(&path[..length]))
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Vec<Cow<'_, str>> {
        text.split('.').map(Cow::Borrowed).collect()
    }

    #[test]
    fn a_path_may_have_wildcards_for_one_part_and_for_any_number() {
        for (pattern, text, expected) in [
            ("http.request.client_ip", "http.request.client_ip", true),
            ("http.request.client_ip", "http.request", false),
            ("metadata.*.body", "metadata.default.BODY", true),
            ("metadata.*.body", "metadata.body", false),
            ("metadata.**.body", "metadata.body", true),
            ("metadata.**.body", "metadata.a.b.c.body", true),
            ("**.pass*", "metadata.a.password", true),
            ("**", "user", true),
        ] {
            let parsed = FieldPath::parse(pattern).unwrap();
            assert_eq!(parsed.matches(&path(text)), expected, "{pattern} {text}");
        }
        let outer = FieldPath::parse("metadata.debug").unwrap();
        assert!(outer.contains(&path("metadata.debug.a.b")));
        assert!(!outer.contains(&path("metadata.other")));
    }
}
