use std::ops::Range;

use super::{DETECTORS, run};

/// The ends of names that announce a secret, in lower case and without separators.
const SECRET_NAMES: &[&str] = &[
    "accesskey",
    "accesstoken",
    "apikey",
    "authorization",
    "authtoken",
    "cookie",
    "credential",
    "credentials",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "pwd",
    "refreshtoken",
    "secret",
    "secretkey",
    "securitytoken",
    "sessiontoken",
];

/// More of them, which are also words of ordinary text: only before `=`, as a field's name, or if
/// the name or the value has quotes.
const MORE_SECRET_NAMES: &[&str] = &["sessionid", "sig", "signature", "token"];

/// Returns whether a field of this name holds a secret.
pub(crate) fn is_secret_key(name: &str) -> bool {
    let name = normalize(name.as_bytes());
    let mut known = SECRET_NAMES.iter().chain(MORE_SECRET_NAMES);
    known.any(|known| name.ends_with(known))
}

/// The value of an assignment to a name that announces a secret: `password=x`,
/// `"apiKey": "x"`, `Authorization: x`.
pub(super) fn secret(text: &str, from: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let mut at = from;
    loop {
        let is_sign = |byte: &u8| matches!(byte, b'=' | b':' | b'%');
        at += bytes.get(at..)?.iter().position(is_sign)?;
        if let Some(range) = assigned(bytes, at).filter(|range| range.start >= from) {
            return Some(range);
        }
        at += 1;
    }
}

/// The value after the `=` or `:` at `sign`, also as `%3D` or `%3A`, if a secret's name is before
/// it.
fn assigned(bytes: &[u8], sign: usize) -> Option<Range<usize>> {
    let (is_equals, after) = match &bytes[sign..] {
        [b'=', ..] => (true, sign + 1),
        [b':', ..] => (false, sign + 1),
        [b'%', b'3', b'D' | b'd', ..] => (true, sign + 3),
        [b'%', b'3', b'A' | b'a', ..] => (false, sign + 3),
        _ => return None,
    };
    let (name, is_quoted) = name_before(&bytes[..sign])?;
    // ` := `, ` => `, and the backslashes of JSON inside of a string.
    let start = after + run(bytes, after, |byte| b" \t=>\\".contains(&byte));
    let announces = |known: &&str| name.ends_with(*known);
    let is_secret = SECRET_NAMES.iter().any(announces)
        || (is_equals || is_quoted || has_quote(bytes, start))
            && MORE_SECRET_NAMES.iter().any(announces);
    is_secret.then_some(())?;
    let is_header = name.ends_with("authorization") || name.ends_with("cookie") && !is_equals;
    let value = match bytes.get(start) {
        Some(b'"' | b'\'') => {
            let escapes = backslashes_before(bytes, start);
            start + 1..quote_end(bytes, start, escapes)
        }
        _ => start..word_end(bytes, start, is_header),
    };
    (!value.is_empty() && !is_mask(&bytes[value.clone()])).then_some(value)
}

/// The normalized name at the end of `before`, and whether it is in quotes.
fn name_before(before: &[u8]) -> Option<(String, bool)> {
    const MAX_NAME_BYTES: usize = 64;
    let mut before = &before[before.len().saturating_sub(MAX_NAME_BYTES)..];
    let mut is_quoted = false;
    loop {
        before = match before {
            [rest @ .., b' ' | b'\t' | b'\\' | b']'] => rest,
            [rest @ .., b'"' | b'\''] | [rest @ .., b'%', b'2', b'2' | b'7'] => {
                is_quoted = true;
                rest
            }
            [rest @ .., b'%', b'2', b'0'] => rest,
            _ => break,
        };
    }
    let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || b"_-".contains(byte);
    let length = before.iter().rev().take_while(is_part).count();
    let name = &before[before.len() - length..];
    // The mask of an assignment inside of a name is not the name of another one.
    (name != b"_secret_").then(|| (normalize(name), is_quoted))
}

/// Returns whether a value has a quote at its start or after a short constructor: `Some("`.
fn has_quote(bytes: &[u8], start: usize) -> bool {
    const MAX_CONSTRUCTOR_BYTES: usize = 32;
    let mut value = bytes[start..].iter().take(MAX_CONSTRUCTOR_BYTES);
    let other = value.find(|byte| !byte.is_ascii_alphanumeric() && !b"_:.([{\\".contains(byte));
    matches!(other, Some(b'"' | b'\''))
}

/// The end of a value without quotes around it: of a word, or of a header's line. It may have a
/// constructor, brackets and quotes, such as `Some("x")`, `b"x"` and `["x", "y"]`. In doubt the
/// value is longer, because too much is better than a part of a secret.
fn word_end(bytes: &[u8], start: usize, is_header: bool) -> usize {
    // The brackets of a header's value end it: text may follow.
    let is_header = is_header && !matches!(bytes.get(start), Some(b'[' | b'{' | b'('));
    let mut depth = 0_usize;
    let mut at = start;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' | b'\'' => {
                let escapes = backslashes_before(&bytes[start..], at - start);
                if !opens_quote(&bytes[start..], at - start, escapes, depth) {
                    if depth == 0 {
                        return at - escapes;
                    }
                } else {
                    at = quote_end(bytes, at, escapes) + escapes;
                }
            }
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' if depth > 0 => depth -= 1,
            b'\r' | b'\n' if depth == 0 => return at,
            b' ' | b'\t' | b',' | b';' | b'&' | b')' | b'}' if depth == 0 && !is_header => {
                return at;
            }
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

/// Returns whether the quote at `at` begins a part of the value, and does not end the text around
/// it.
fn opens_quote(value: &[u8], at: usize, escapes: usize, depth: usize) -> bool {
    let before = &value[..at - escapes];
    // The prefixes of strings in Rust and Python.
    let is_prefix = matches!(
        before,
        [b'b' | b'B' | b'f' | b'F' | b'r' | b'R' | b'u' | b'U']
    ) || matches!(
        before,
        [b'b' | b'B' | b'r' | b'R', b'b' | b'B' | b'r' | b'R']
    );
    let is_apostrophe = value[at] == b'\''
        && before.last().is_some_and(u8::is_ascii_alphanumeric)
        && !matches!(before, [.., b'(' | b'[' | b'{' | b' ' | b',', b'b' | b'u']);
    let is_end = value
        .get(at + 1)
        .is_none_or(|byte| b" \t\r\n,;:&)}]<>|.\\\"'".contains(byte));
    match depth {
        0 => is_prefix || !is_end,
        _ => !is_apostrophe,
    }
}

/// The end of the characters in quotes, whose first quote is at `open` after `escapes`
/// backslashes: those of JSON inside of a string. A quote with more backslashes is a part of them.
fn quote_end(bytes: &[u8], open: usize, escapes: usize) -> usize {
    let quote = bytes[open];
    let mut backslashes = 0;
    for (index, &byte) in bytes.iter().enumerate().skip(open + 1) {
        if byte == quote && backslashes % (2 * (escapes + 1)) <= escapes {
            return index - backslashes.min(escapes);
        }
        backslashes = if byte == b'\\' { backslashes + 1 } else { 0 };
    }
    bytes.len()
}

fn backslashes_before(bytes: &[u8], at: usize) -> usize {
    let before = bytes[..at].iter().rev();
    before.take_while(|byte| **byte == b'\\').count()
}

/// Returns whether the value is a mask already, so that text that was cleaned stays as it is.
fn is_mask(value: &[u8]) -> bool {
    let is_name = |inner: &[u8]| {
        let mut detectors = DETECTORS.iter();
        detectors.any(|detector| detector.name.as_bytes() == inner)
    };
    match value {
        b"*" | b"_" => true,
        // `_` in names, which have no brackets.
        [b'[', inner @ .., b']'] | [b'_', inner @ .., b'_'] => is_name(inner),
        _ => false,
    }
}

fn normalize(name: &[u8]) -> String {
    let letters = name.iter().filter(|byte| byte.is_ascii_alphanumeric());
    letters
        .map(|byte| char::from(byte.to_ascii_lowercase()))
        .collect()
}
