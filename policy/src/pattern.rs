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
            let place = text.chars().count() - rest.chars().count() + 1;
            (class, rest) = parse_class(rest, place)?;
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

    /// The matches in the text, in order and without overlap, as ranges of its bytes.
    pub(crate) fn matches(&self, text: &[char]) -> Vec<Range<usize>> {
        let mut search = Search {
            text,
            parts: self.parts.iter().map(|part| (part, 0)).collect(),
            steps: 0,
        };
        search.matches()
    }
}

/// One search through a text. A later start never brings a part to an earlier place, so each part
/// reads each character once: the time is linear in the text.
struct Search<'p, 't> {
    text: &'t [char],
    /// Each part, and the end of the characters of its class that it has read.
    parts: Vec<(&'p Part, usize)>,
    /// The characters read and parts tried so far.
    steps: usize,
}

impl Search<'_, '_> {
    fn matches(&mut self) -> Vec<Range<usize>> {
        let mut matches = Vec::new();
        let (mut start, mut byte) = (0, 0);
        while let Some(c) = self.text.get(start) {
            match self.match_at(start) {
                Some(end) => {
                    let found = self.text[start..end].iter();
                    let length: usize = found.map(|c| c.len_utf8()).sum();
                    matches.push(byte..byte + length);
                    (start, byte) = (end, byte + length);
                }
                None => (start, byte) = (start + 1, byte + c.len_utf8()),
            }
        }
        matches
    }

    /// The end of a match that begins at this character.
    fn match_at(&mut self, start: usize) -> Option<usize> {
        let mut at = start;
        for (part, read) in &mut self.parts {
            self.steps += 1;
            *read = at.max(*read);
            while *read - at < part.max
                && let Some(c) = self.text.get(*read)
            {
                self.steps += 1;
                if !part.class.has(*c) {
                    break;
                }
                *read += 1;
            }
            let taken = (*read - at).min(part.max);
            if taken < part.min {
                return None;
            }
            at += taken;
        }
        Some(at)
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

/// Parses one character, escape or set. `place` is the number of its first character.
fn parse_class(text: &str, place: usize) -> Result<(Class, &str), String> {
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
        '[' => parse_set(rest, place + 1),
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
        'n' => vec![('\n', '\n')],
        'r' => vec![('\r', '\r')],
        't' => vec![('\t', '\t')],
        c if c.is_ascii_alphanumeric() => {
            return Err(format!(
                "has '\\{c}', which is not supported; use \\d, \\w, \\s or a set such as [A-F0-9]"
            ));
        }
        c => vec![(c, c)],
    })
}

/// Parses a set after its `[`. `place` is the number of its first character.
fn parse_set(text: &str, place: usize) -> Result<(Class, &str), String> {
    let stripped = text.strip_prefix('^');
    let (negated, mut rest) = (stripped.is_some(), stripped.unwrap_or(text));
    let mut ranges = Vec::new();
    loop {
        if rest.starts_with(']') && !ranges.is_empty() {
            return Ok((Class { negated, ranges }, &rest[1..]));
        }
        let place_of = |rest: &str| place + text.chars().count() - rest.chars().count();
        let (members, mut after) = parse_set_member(rest, place_of(rest))?;
        let &[(first, mut last)] = members.as_slice() else {
            ranges.extend(members);
            rest = after;
            continue;
        };
        let is_digits = rest.starts_with("\\d");
        if let Some(end) = after.strip_prefix('-')
            && !is_digits
            && !end.starts_with(']')
        {
            let (members, end_after) = parse_set_member(end, place_of(end))?;
            match members.as_slice() {
                &[(from, to)] if from == to => last = to,
                _ => {
                    return Err(format!(
                        "has a set whose range ends with a class (character {}); write '\\-' for the character",
                        place_of(end)
                    ));
                }
            }
            after = end_after;
        }
        if last < first {
            return Err(format!(
                "has the set '{first}-{last}', which is the wrong way round"
            ));
        }
        ranges.push((first, last));
        rest = after;
    }
}

/// Ranges of characters, each with its first and its last.
type Ranges = Vec<(char, char)>;

/// One character or escape of a set, as ranges, and the text after it.
fn parse_set_member(text: &str, place: usize) -> Result<(Ranges, &str), String> {
    let open = |_| "has a '[' without its ']'".to_owned();
    let (c, rest) = split_first(text).map_err(open)?;
    if c != '\\' {
        return Ok((vec![(c, c)], rest));
    }
    let (c, rest) = split_first(rest).map_err(open)?;
    let members = escaped(c).map_err(|_| {
        format!(
            "has '\\{c}' in a set (character {place}), which is not supported; use \\d, \\w, \\s, \\n, \\r or \\t, or leave the '\\' out"
        )
    })?;
    Ok((members, rest))
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
        let text_chars: Vec<char> = text.chars().collect();
        let matches = Pattern::parse(pattern).unwrap().matches(&text_chars);
        matches.into_iter().next().map(|range| &text[range])
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
            (r"x[^\n]+", "a x y\nz", Some("x y")),
            (r"a[\t]b", "atb a\tb", Some("a\tb")),
            (r"[\w\-]+@", "-a-b@", Some("-a-b@")),
            (r"[+-\]]+", "n[\\]^", Some("[\\]")),
            (r"[\d-f]+", "x1-f", Some("1-f")),
            (r"[\^\]\\]+", r"a]\^", Some(r"]\^")),
            (r"a\n", "a\n", Some("a\n")),
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
            ("[abc\\", "without its ']'"),
            ("[z-a]", "wrong way round"),
            (r"x[^\D]", r"'\D' in a set (character 4)"),
            (r"é[a\W]", r"'\W' in a set (character 4)"),
            (r"[a-\d]", "ends with a class (character 4)"),
            (r"[\x]", r"'\x' in a set (character 2)"),
            ("a\\", "ends in the middle"),
        ] {
            let error = Pattern::parse(pattern).unwrap_err();
            assert!(error.contains(reason), "{pattern}: {error}");
        }
    }

    #[test]
    fn a_search_reads_each_character_about_once_for_each_part() {
        let word: Vec<char> = "a1".repeat(28 * 1_024).chars().collect();
        let digits: Vec<char> = "1".repeat(56 * 1_024).chars().collect();
        for pattern in [
            r"\w+@\d+",
            "[A-Za-z0-9]{20,256}=",
            r"\d+-\d+",
            r"\w{256}@",
            r"1\w*@",
            r"-?\w{0,256}@",
        ] {
            for text in [&word, &digits] {
                let pattern = Pattern::parse(pattern).unwrap();
                let mut search = Search {
                    text,
                    parts: pattern.parts.iter().map(|part| (part, 0)).collect(),
                    steps: 0,
                };
                assert!(search.matches().is_empty(), "{pattern:?}");
                let limit = 3 * pattern.parts.len() * text.len();
                assert!(search.steps <= limit, "{pattern:?}: {}", search.steps);
            }
        }
    }

    /// Tries each start by itself.
    fn slow_matches(pattern: &Pattern, text: &str) -> Vec<Range<usize>> {
        let match_at = |start: usize| {
            let mut end = start;
            for part in &pattern.parts {
                let rest = text[end..].chars().take(part.max);
                let taken: Vec<char> = rest.take_while(|c| part.class.has(*c)).collect();
                (taken.len() >= part.min).then_some(())?;
                end += taken.iter().map(|c| c.len_utf8()).sum::<usize>();
            }
            Some(end)
        };
        let mut matches: Vec<Range<usize>> = Vec::new();
        for (start, _) in text.char_indices() {
            let is_free = matches.last().is_none_or(|last| last.end <= start);
            if is_free && let Some(end) = match_at(start) {
                matches.push(start..end);
            }
        }
        matches
    }

    proptest! {
        #[test]
        fn no_pattern_and_no_text_panics(
            pattern in "[a-c\\[\\]{}()*+?.^\\\\dws0-9,é-]{0,20}",
            text in "[a-cé0-9 ]{0,40}",
        ) {
            if let Ok(pattern) = Pattern::parse(&pattern)
            {
                let chars: Vec<char> = text.chars().collect();
                let matches = pattern.matches(&chars);
                for range in &matches {
                    prop_assert!(text.get(range.clone()).is_some_and(|found| !found.is_empty()));
                }
                prop_assert_eq!(matches, slow_matches(&pattern, &text));
            }
        }
    }
}
