use std::collections::BTreeSet;

use super::super::text::decode;

/// A route's path, such as `/items/{pk}` or `/{proxy+}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    parts: Vec<Part>,
}

/// One part of a path, between two slashes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// `items`
    Static(String),
    /// `{name}`: one part.
    Parameter(String),
    /// `{name+}`: the rest of the path, slashes included.
    Greedy(String),
}

impl Pattern {
    /// Reads a route's path.
    ///
    /// # Errors
    /// The reason why API Gateway would not deploy the path.
    pub(crate) fn parse(path: &str) -> Result<Self, String> {
        let rest = path.strip_prefix('/').ok_or("the path must begin with /")?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.is_empty() {
            return Ok(Self { parts: Vec::new() });
        }
        let parts: Vec<Part> = rest.split('/').map(Part::parse).collect::<Result<_, _>>()?;
        let greedy = parts
            .iter()
            .position(|part| matches!(part, Part::Greedy(_)));
        if greedy.is_some_and(|index| index + 1 != parts.len()) {
            return Err("a greedy parameter {name+} must be the last part of the path".to_owned());
        }
        let mut names = BTreeSet::new();
        for name in parts.iter().filter_map(Part::name) {
            if !names.insert(name) {
                return Err(format!(
                    "the path parameter {{{name}}} occurs twice; give each its own name"
                ));
            }
        }
        Ok(Self { parts })
    }

    /// The names and values of the path parameters, if the pattern matches a request's path.
    /// The values stay percent-encoded.
    ///
    /// `parts` is the path without its first slash, split at the other slashes.
    pub(crate) fn matches(
        &self,
        parts: &[&str],
        trailing_slash: TrailingSlash,
    ) -> Option<Vec<(String, String)>> {
        let parts = match (trailing_slash, parts) {
            // `/` has no parts.
            (_, [""]) => &[],
            (TrailingSlash::Ignored, [exact @ .., ""]) if !self.is_greedy() => exact,
            _ => parts,
        };
        if !self.is_greedy() && parts.len() != self.parts.len() {
            return None;
        }
        let mut parameters = Vec::new();
        for (index, part) in self.parts.iter().enumerate() {
            let value = parts.get(index)?;
            match part {
                Part::Static(text) if decode(value) == *text => {}
                Part::Static(_) => return None,
                Part::Parameter(_) if value.is_empty() => return None,
                Part::Parameter(name) => parameters.push((name.clone(), (*value).to_owned())),
                Part::Greedy(name) => {
                    let rest = parts[index..].join("/");
                    if rest.is_empty() {
                        return None;
                    }
                    parameters.push((name.clone(), rest));
                }
            }
        }
        Some(parameters)
    }

    pub(crate) fn is_greedy(&self) -> bool {
        matches!(self.parts.last(), Some(Part::Greedy(_)))
    }

    /// Returns true if the first parts in which two paths differ are both path parameters.
    pub(crate) fn has_other_parameter_than(&self, other: &Self) -> bool {
        let mut pairs = self.parts.iter().zip(&other.parts);
        pairs
            .find(|(first, second)| first != second)
            .is_some_and(|(first, second)| first.name().is_some() && second.name().is_some())
    }

    /// A number for each part, which is smaller for a more specific part. Of two patterns that
    /// match, the smaller specificity wins.
    pub(crate) fn specificity(&self) -> Vec<u8> {
        let rank = |part: &Part| match part {
            Part::Static(_) => 0,
            Part::Parameter(_) => 1,
            Part::Greedy(_) => 2,
        };
        self.parts.iter().map(rank).collect()
    }

    /// The path without the names of its parameters. Patterns of one shape match the same
    /// paths.
    pub(crate) fn shape(&self) -> Vec<Part> {
        let unnamed = |part: &Part| match part {
            Part::Static(text) => Part::Static(text.clone()),
            Part::Parameter(_) => Part::Parameter(String::new()),
            Part::Greedy(_) => Part::Greedy(String::new()),
        };
        self.parts.iter().map(unnamed).collect()
    }
}

/// The meaning of `/items/`: the same path as `/items`, or another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TrailingSlash {
    Ignored,
    Significant,
}

impl Part {
    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("the path has an empty part (//); remove one slash".to_owned());
        }
        let inner = text
            .strip_prefix('{')
            .and_then(|text| text.strip_suffix('}'));
        let Some(inner) = inner else {
            if text.contains(['{', '}']) {
                return Err(format!(
                    "{text}: a path parameter must be a whole part of the path, such as /{{name}}/"
                ));
            }
            return Ok(Self::Static(decode(text)));
        };
        let (name, greedy) = inner
            .strip_suffix('+')
            .map_or((inner, false), |name| (name, true));
        let valid = |c: char| c.is_ascii_alphanumeric() || "._-:$".contains(c);
        if name.is_empty() || !name.chars().all(valid) {
            return Err(format!(
                "{text}: a path parameter's name may have letters, digits and . _ - : $"
            ));
        }
        let name = name.to_owned();
        Ok(if greedy {
            Self::Greedy(name)
        } else {
            Self::Parameter(name)
        })
    }

    /// The name of a path parameter.
    fn name(&self) -> Option<&str> {
        match self {
            Self::Static(_) => None,
            Self::Parameter(name) | Self::Greedy(name) => Some(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pattern: &str, path: &str) -> Option<Vec<String>> {
        let parts: Vec<&str> = path[1..].split('/').collect();
        let parameters = Pattern::parse(pattern)
            .unwrap()
            .matches(&parts, TrailingSlash::Ignored)?;
        Some(parameters.into_iter().map(|(_, value)| value).collect())
    }

    #[test]
    fn a_parameter_is_one_part_and_a_greedy_one_is_the_rest() {
        assert_eq!(
            values("/items/{pk}", "/items/a%2Fb"),
            Some(vec!["a%2Fb".to_owned()])
        );
        assert_eq!(values("/items/{pk}", "/items/a/b"), None);
        assert_eq!(values("/items/{pk}", "/items/"), None);
        assert_eq!(
            values("/{a}/{rest+}", "/1/2/3/"),
            Some(vec!["1".to_owned(), "2/3/".to_owned()])
        );
        assert_eq!(values("/{rest+}", "/"), None);
        assert_eq!(values("/", "/"), Some(vec![]));
    }

    #[test]
    fn a_static_part_is_compared_decoded() {
        assert_eq!(values("/größe", "/gr%C3%B6%C3%9Fe"), Some(vec![]));
    }

    #[test]
    fn an_invalid_path_is_an_error_with_the_reason() {
        for (path, word) in [
            ("items", "begin"),
            ("/a//b", "empty"),
            ("/{rest+}/more", "last"),
            ("/items/{pk}.json", "whole"),
            ("/{}", "name"),
            ("/{a b}", "name"),
            ("/{a}/{a}", "twice"),
        ] {
            let error = Pattern::parse(path).unwrap_err();
            assert!(error.contains(word), "{path}: {error}");
        }
    }
}
