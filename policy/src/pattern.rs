use std::ops::Range;

/// A pattern of the policy's author: a part of the syntax of regular expressions, without
/// groups and alternatives, which are the expensive parts.
///
/// Characters; `\d` digit, `\w` letter, digit or `_`, `\s` whitespace, `.` any character; sets
/// such as `[A-F0-9]` and `[^,]`; and after each of them `?`, `*`, `+`, `{3}`, `{2,5}` or `{2,}`.
/// `\` before another character is that character.
///
/// `*`, `+` and `{2,}` repeat up to [`MAX_REPEAT`] times. A part takes as many characters as it
/// can and gives none back, so [`parse`](Self::parse) rejects a pattern in which the next part
/// might need one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    class: Class,
    min: usize,
    max: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Class {
    negated: bool,
    ranges: Vec<(char, char)>,
}

/// The most characters that one part takes. It bounds the time for a long text.
const MAX_REPEAT: usize = 256;

/// The most parts of a pattern.
const MAX_PARTS: usize = 64;

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// A message that says what is wrong, without the pattern.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parts: Vec<Part> = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let class;
            (class, rest) = parse_class(rest)?;
            let (min, max);
            (min, max, rest) = parse_repeat(rest)?;
            parts.push(Part { class, min, max });
        }
        if parts.len() > MAX_PARTS {
            return Err(format!("has more than {MAX_PARTS} parts"));
        }
        if parts.iter().map(|part| part.min).sum::<usize>() == 0 {
            return Err("matches the empty text; let it begin with a character".to_owned());
        }
        for (index, part) in parts.iter().enumerate() {
            let after = &parts[index + 1..];
            // The parts of which one can come next: up to the first that cannot be left out.
            let required = after.iter().position(|next| next.min > 0);
            let next = &after[..required.map_or(after.len(), |required| required + 1)];
            if part.min < part.max && next.iter().any(|next| next.class.overlaps(&part.class)) {
                return Err(format!(
                    "has a repetition (part {}) that may take the characters of the part after it; make the two different",
                    index + 1
                ));
            }
        }
        Ok(Self { parts })
    }

    /// The first match at or after the byte `from`.
    pub(crate) fn find(&self, text: &str, from: usize) -> Option<Range<usize>> {
        let starts = text.get(from..)?.char_indices();
        starts.map(|(index, _)| from + index).find_map(|start| {
            let end = self.match_at(&text[start..])?;
            Some(start..start + end)
        })
    }

    /// The length of a match at the start of the text.
    fn match_at(&self, text: &str) -> Option<usize> {
        let mut rest = text;
        for part in &self.parts {
            let mut taken = 0;
            while taken < part.max
                && let Some(c) = rest.chars().next()
                && part.class.has(c)
            {
                rest = &rest[c.len_utf8()..];
                taken += 1;
            }
            if taken < part.min {
                return None;
            }
        }
        Some(text.len() - rest.len())
    }
}

impl Class {
    fn of(ranges: &[(char, char)]) -> Self {
        Self {
            negated: false,
            ranges: ranges.to_vec(),
        }
    }

    fn has(&self, c: char) -> bool {
        let in_ranges = self
            .ranges
            .iter()
            .any(|&(first, last)| (first..=last).contains(&c));
        in_ranges != self.negated
    }

    /// Returns whether a character may be in both.
    fn overlaps(&self, other: &Self) -> bool {
        match (self.negated, other.negated) {
            (true, true) => true,
            (false, _) => self.ranges_meet(other),
            (true, false) => other.ranges_meet(self),
        }
    }

    /// Returns whether `other` may have a character of these ranges.
    fn ranges_meet(&self, other: &Self) -> bool {
        self.ranges.iter().any(|&(first, last)| {
            if other.negated {
                // Inside one excluded range, or else some character is not excluded.
                let excluded = |&(from, to): &(char, char)| from <= first && last <= to;
                !other.ranges.iter().any(excluded)
            } else {
                let meets = |&(from, to): &(char, char)| from <= last && first <= to;
                other.ranges.iter().any(meets)
            }
        })
    }
}

const DIGIT: &[(char, char)] = &[('0', '9')];
const WORD: &[(char, char)] = &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];
const SPACE: &[(char, char)] = &[('\t', '\r'), (' ', ' '), ('\u{a0}', '\u{a0}')];

fn parse_class(text: &str) -> Result<(Class, &str), String> {
    let (c, rest) = split_first(text)?;
    match c {
        '.' => Ok((
            Class {
                negated: true,
                ranges: Vec::new(),
            },
            rest,
        )),
        '\\' => {
            let (c, rest) = split_first(rest)?;
            Ok((Class::of(&escaped(c)?), rest))
        }
        '[' => parse_set(rest),
        '(' | ')' | '|' | '^' | '$' => Err(format!(
            "has '{c}', which is not supported; write '\\{c}' for the character"
        )),
        '*' | '+' | '?' | '{' => Err(format!(
            "has '{c}' without a character before it; write '\\{c}' for the character"
        )),
        c => Ok((Class::of(&[(c, c)]), rest)),
    }
}

fn escaped(c: char) -> Result<Vec<(char, char)>, String> {
    Ok(match c {
        'd' => DIGIT.to_vec(),
        'w' => WORD.to_vec(),
        's' => SPACE.to_vec(),
        c if c.is_ascii_alphanumeric() => {
            return Err(format!(
                "has '\\{c}', which is not supported; use \\d, \\w, \\s or a set such as [A-F0-9]"
            ));
        }
        c => vec![(c, c)],
    })
}

/// Parses a set after its `[`.
fn parse_set(text: &str) -> Result<(Class, &str), String> {
    let stripped = text.strip_prefix('^');
    let (negated, mut rest) = (stripped.is_some(), stripped.unwrap_or(text));
    let mut ranges = Vec::new();
    loop {
        let (mut c, mut after) =
            split_first(rest).map_err(|_| "has a '[' without its ']'".to_owned())?;
        if c == ']' && !ranges.is_empty() {
            return Ok((Class { negated, ranges }, after));
        }
        if c == '\\' {
            (c, after) = split_first(after)?;
            if matches!(c, 'd' | 'w' | 's') {
                ranges.extend(escaped(c)?);
                rest = after;
                continue;
            }
        }
        let mut last = c;
        if let Some(range) = after.strip_prefix('-')
            && let Some(end) = range.chars().next().filter(|end| *end != ']')
        {
            last = end;
            after = &range[end.len_utf8()..];
        }
        if last < c {
            return Err(format!(
                "has the set '{c}-{last}', which is the wrong way round"
            ));
        }
        ranges.push((c, last));
        rest = after;
    }
}

fn parse_repeat(text: &str) -> Result<(usize, usize, &str), String> {
    let (min, max, rest) = match text.chars().next() {
        Some('?') => (0, 1, &text[1..]),
        Some('*') => (0, MAX_REPEAT, &text[1..]),
        Some('+') => (1, MAX_REPEAT, &text[1..]),
        Some('{') => {
            let wrong = || "has a '{' that is not {3}, {2,5} or {2,}".to_owned();
            let (inner, rest) = text[1..].split_once('}').ok_or_else(wrong)?;
            let number = |text: &str| text.parse::<usize>().map_err(|_| wrong());
            let (min, max) = match inner.split_once(',') {
                None => (number(inner)?, number(inner)?),
                Some((min, "")) => (number(min)?, MAX_REPEAT),
                Some((min, max)) => (number(min)?, number(max)?),
            };
            (min, max, rest)
        }
        _ => (1, 1, text),
    };
    if min > max || max > MAX_REPEAT || max == 0 {
        return Err(format!(
            "has a repetition that is not from 1 to {MAX_REPEAT}"
        ));
    }
    Ok((min, max, rest))
}

fn split_first(text: &str) -> Result<(char, &str), String> {
    let c = text.chars().next();
    let c = c.ok_or_else(|| "ends in the middle of a part".to_owned())?;
    Ok((c, &text[c.len_utf8()..]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found<'t>(pattern: &str, text: &'t str) -> Option<&'t str> {
        let range = Pattern::parse(pattern).unwrap().find(text, 0)?;
        Some(&text[range])
    }

    #[test]
    fn a_pattern_finds_its_first_match() {
        for (pattern, text, expected) in [
            (r"EMP-\d{6}", "id EMP-123456.", Some("EMP-123456")),
            (r"EMP-\d{6}", "EMP-12345", None),
            (r"[A-F0-9]{4,}", "xyz 12AB34 ", Some("12AB34")),
            (r"é[^,]*", "a é b c, d", Some("é b c")),
            (r"\w+@corp", "me_2@corp", Some("me_2@corp")),
            (r"a\.b?c", "a.c", Some("a.c")),
            (r"[]x]+", "a]x", Some("]x")),
            (r".{2}", "é", None),
        ] {
            assert_eq!(found(pattern, text), expected, "{pattern}");
        }
    }

    #[test]
    fn a_pattern_that_cannot_work_is_rejected_with_the_reason() {
        for (pattern, reason) in [
            (r"\d*", "matches the empty text"),
            ("", "matches the empty text"),
            (r"\w+a", "(part 1) that may take"),
            (r"\d+x?5", "(part 1) that may take"),
            (r".*x", "(part 1) that may take"),
            (r"[^a]+\d", "(part 1) that may take"),
            ("(a|b)", "'(', which is not supported"),
            (r"\bx", r"'\b', which is not supported"),
            ("+a", "without a character before it"),
            ("a{x}", "is not {3}"),
            ("a{300}", "from 1 to 256"),
            ("[abc", "without its ']'"),
            ("[z-a]", "wrong way round"),
            ("a\\", "ends in the middle"),
        ] {
            let error = Pattern::parse(pattern).unwrap_err();
            assert!(error.contains(reason), "{pattern}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_pattern_and_no_text_panics(
            pattern in "[a-c\\[\\]{}()*+?.^\\\\dws0-9,é-]{0,20}",
            text in "[a-cé0-9 ]{0,40}",
        ) {
            if let Ok(pattern) = Pattern::parse(&pattern)
                && let Some(range) = pattern.find(&text, 0)
            {
                prop_assert!(text.get(range).is_some_and(|found| !found.is_empty()));
            }
        }
    }
}
