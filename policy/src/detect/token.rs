use std::ops::Range;

use super::{follows_escape, is_whole, run};

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-".contains(&byte)
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=_-".contains(&byte)
}

/// The first range `start..start + n` for which `length(start)` is `Some(n)`, at a place where
/// one of the `prefixes` begins a word.
fn find_prefixed(
    text: &str,
    from: usize,
    prefixes: &[&str],
    length: impl Fn(&str) -> Option<usize>,
) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    (from..bytes.len()).find_map(|start| {
        let is_inside =
            start > 0 && bytes[start - 1].is_ascii_alphanumeric() && !follows_escape(bytes, start);
        let begins = |prefix: &&str| bytes[start..].starts_with(prefix.as_bytes());
        if is_inside || !prefixes.iter().any(begins) {
            return None;
        }
        Some(start..start + length(&text[start..])?)
    })
}

/// An access key id (IAM User Guide, "unique identifiers"): AKIA for a long-term key, ASIA for a
/// temporary one.
pub(super) fn aws_access_key(text: &str, from: usize) -> Option<Range<usize>> {
    const LENGTH: usize = 20;
    find_prefixed(text, from, &["AKIA", "ASIA"], |text| {
        let bytes = text.as_bytes();
        let is_key = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        (run(bytes, 0, is_key) == LENGTH && is_whole(bytes, &(0..LENGTH), b"_")).then_some(LENGTH)
    })
}

/// A session token of temporary credentials. AWS does not document its form: these are the first
/// characters that tokens of STS have.
pub(super) fn aws_session_token(text: &str, from: usize) -> Option<Range<usize>> {
    const MIN_LENGTH: usize = 100;
    find_prefixed(text, from, &["IQoJ", "FwoG", "FQoG"], |text| {
        let is_part = |byte: u8| is_base64(byte) || byte == b'%';
        let length = run(text.as_bytes(), 0, is_part);
        (length >= MIN_LENGTH).then_some(length)
    })
}

/// The prefixes of keys that their services have made recognizable.
const API_KEY_PREFIXES: &[&str] = &[
    "AIza",
    "SG.",
    "dop_v1_",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "hf_",
    "npm_",
    "rk_live_",
    "rk_test_",
    "shpat_",
    "sk-ant-",
    "sk-proj-",
    "sk_live_",
    "sk_test_",
    "whsec_",
    "xapp-",
    "xoxa-",
    "xoxb-",
    "xoxp-",
    "xoxr-",
    "xoxs-",
];

/// A key of a well-known service: its prefix and at least 16 characters.
pub(super) fn api_key(text: &str, from: usize) -> Option<Range<usize>> {
    const MIN_LENGTH: usize = 16;
    find_prefixed(text, from, API_KEY_PREFIXES, |text| {
        let prefix = API_KEY_PREFIXES
            .iter()
            .find(|prefix| text.starts_with(**prefix))?;
        let is_part = |byte: u8| is_token(byte) || byte == b'.';
        let length = run(text.as_bytes(), prefix.len(), is_part);
        let key = text[prefix.len()..prefix.len() + length].trim_end_matches('.');
        (key.len() >= MIN_LENGTH).then_some(prefix.len() + key.len())
    })
}

/// The credentials after `Bearer` (RFC 6750) or `Basic` (RFC 7617), without the word.
pub(super) fn bearer_token(text: &str, from: usize) -> Option<Range<usize>> {
    const MIN_LENGTH: usize = 8;
    let bytes = text.as_bytes();
    (from..bytes.len()).find_map(|at| {
        matches!(bytes[at], b'b' | b'B').then_some(())?;
        let is = |word: &[u8]| {
            let end = at + word.len();
            let found = bytes
                .get(at..end)
                .filter(|found| found.eq_ignore_ascii_case(word));
            let is_word =
                at == 0 || !bytes[at - 1].is_ascii_alphanumeric() || follows_escape(bytes, at);
            found.filter(|_| is_word).map(|_| end)
        };
        let word_end = is(b"bearer").or_else(|| is(b"basic"))?;
        let spaces = run(bytes, word_end, |byte| matches!(byte, b' ' | b'\t'));
        (spaces > 0).then_some(())?;
        let start = word_end + spaces;
        let length = run(bytes, start, |byte| {
            is_base64(byte) || b"._~".contains(&byte)
        });
        let token = &bytes[start..start + length];
        // Prose, such as "basic understanding", has letters only.
        let has_other = token.iter().any(|byte| !byte.is_ascii_alphabetic());
        let has_upper = token.iter().skip(1).any(u8::is_ascii_uppercase);
        let is_token = start > from && length >= MIN_LENGTH && (has_other || has_upper);
        is_token.then_some(start..start + length)
    })
}

/// A JSON Web Token (RFC 7519): a header that begins with `{"`, a payload and a signature.
pub(super) fn jwt(text: &str, from: usize) -> Option<Range<usize>> {
    // Bounds the time for a text of many beginnings.
    const MAX_HEADER_BYTES: usize = 4_096;
    find_prefixed(text, from, &["eyJ"], |text| {
        let bytes = text.as_bytes();
        let header = run(&bytes[..bytes.len().min(MAX_HEADER_BYTES)], 0, is_token);
        (bytes.get(header) == Some(&b'.')).then_some(())?;
        let payload = run(bytes, header + 1, is_token);
        let after = header + 1 + payload;
        (payload >= 2 && bytes.get(after) == Some(&b'.')).then_some(())?;
        Some(after + 1 + run(bytes, after + 1, is_token))
    })
}

/// A private key in PEM (RFC 7468), up to its end or the end of the text.
pub(super) fn private_key(text: &str, from: usize) -> Option<Range<usize>> {
    const BEGIN: &str = "-----BEGIN ";
    const KEY: &str = "PRIVATE KEY-----";
    find_prefixed(text, from, &[BEGIN], |text| {
        // The words of the key's kind: `RSA`, `EC`, `ENCRYPTED`, `OPENSSH`.
        let is_kind = |byte: u8| byte.is_ascii_uppercase() || byte == b' ';
        let kind = run(text.as_bytes(), BEGIN.len(), is_kind);
        let after = BEGIN.len() + kind + 5;
        text.get(..after)?.ends_with(KEY).then_some(())?;
        let end = text[after..].find(KEY);
        Some(end.map_or(text.len(), |end| after + end + KEY.len()))
    })
}
