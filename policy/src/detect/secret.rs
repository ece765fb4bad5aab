use std::ops::Range;

use super::run;

/// The ends of names that announce a secret, in lower case and without separators.
const SECRET_NAMES: &[&str] = &[
    "accesskey",
    "apikey",
    "authorization",
    "cookie",
    "credential",
    "credentials",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "pwd",
    "secret",
    "secretkey",
];

/// More of them, which are also words of ordinary text: only before `=`, or as a field's name.
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
        at += bytes
            .get(at..)?
            .iter()
            .position(|b| matches!(b, b'=' | b':'))?;
        if let Some(range) = assigned(text, at).filter(|range| range.start >= from) {
            return Some(range);
        }
        at += 1;
    }
}

/// The value after the `=` or `:` at `sign`, if a secret's name is before it.
fn assigned(text: &str, sign: usize) -> Option<Range<usize>> {
    const MAX_NAME_BYTES: usize = 64;
    let bytes = text.as_bytes();
    let before = bytes[..sign].iter().rev().take(MAX_NAME_BYTES);
    let name = before
        .skip_while(|byte| matches!(byte, b' ' | b'"' | b'\'' | b'\\'))
        .take_while(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(byte));
    let mut name: Vec<u8> = name.copied().collect();
    name.reverse();
    // The mask of an assignment inside of a name is not the name of another one.
    (name != b"_secret_").then_some(())?;
    let name = normalize(&name);
    let announces = |known: &&str| name.ends_with(*known);
    let is_secret = SECRET_NAMES.iter().any(announces)
        || bytes[sign] == b'=' && MORE_SECRET_NAMES.iter().any(announces);
    is_secret.then_some(())?;
    let start = sign + 1 + run(bytes, sign + 1, |byte| matches!(byte, b' ' | b'\\'));
    let value = value_range(bytes, start, name.ends_with("authorization"));
    (!value.is_empty() && !is_mask(&bytes[value.clone()])).then_some(value)
}

/// A value in quotes, or up to the end of a word; the value of a header up to the end of its
/// line.
fn value_range(bytes: &[u8], start: usize, is_header: bool) -> Range<usize> {
    if let Some(quote @ (b'"' | b'\'')) = bytes.get(start).copied() {
        let length = run(bytes, start + 1, |byte| byte != quote && byte != b'\\');
        return start + 1..start + 1 + length;
    }
    let is_end = |byte: u8| match byte {
        b'\r' | b'\n' | b'"' => true,
        b' ' | b'\t' | b',' | b';' | b'&' | b'\'' | b')' | b'}' | b'\\' => !is_header,
        _ => false,
    };
    start..start + run(bytes, start, |byte| !is_end(byte))
}

/// Returns whether the value is a mask already, so that text that was cleaned stays as it is.
fn is_mask(value: &[u8]) -> bool {
    let is_name = |inner: &[u8]| {
        let is_part = |byte: &u8| byte.is_ascii_lowercase() || *byte == b'_';
        inner.iter().all(is_part)
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
