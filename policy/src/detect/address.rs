use std::ops::Range;

use super::run;

/// Bytes of the part before the `@` (RFC 5321, 4.5.3.1.1).
const MAX_LOCAL_BYTES: usize = 64;

/// Bytes of a domain name (RFC 1035, 2.3.4).
const MAX_DOMAIN_BYTES: usize = 255;

/// An e-mail address, also with the `@` as `%40` in a URL. The user of a URL
/// (`postgres://user@host`) is none.
pub(super) fn email(text: &str, from: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let mut at = from;
    loop {
        at += bytes
            .get(at..)?
            .iter()
            .position(|b| matches!(b, b'@' | b'%'))?;
        let sign = match bytes.get(at..at + 3) {
            _ if bytes[at] == b'@' => 1,
            Some(b"%40") => 3,
            _ => {
                at += 1;
                continue;
            }
        };
        let local = bytes[from..at].iter().rev().take(MAX_LOCAL_BYTES + 1);
        let local = local.take_while(|byte| is_local(**byte)).count();
        let start = at - local;
        let domain = at + sign;
        let length = domain_length(bytes, domain);
        let is_url_user = bytes[..start].ends_with(b"//");
        if (1..=MAX_LOCAL_BYTES).contains(&local) && length > 0 && !is_url_user {
            return Some(start..domain + length);
        }
        at += sign;
    }
}

fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._+-'".contains(&byte) || byte >= 0x80
}

/// The length of a domain name of at least two labels, the last one of letters; 0 if there is
/// none.
fn domain_length(bytes: &[u8], start: usize) -> usize {
    let is_label = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte >= 0x80;
    let mut end = start;
    let mut length = 0;
    loop {
        let label = run(bytes, end, is_label);
        if label == 0 || end + label - start > MAX_DOMAIN_BYTES {
            return length;
        }
        let is_top = bytes[end..end + label]
            .iter()
            .all(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80);
        if end > start && label >= 2 && is_top {
            length = end + label - start;
        }
        end += label;
        if bytes.get(end) != Some(&b'.') {
            return length;
        }
        end += 1;
    }
}

/// A user and a password in a URL, without the `@` after them.
pub(super) fn url_credentials(text: &str, from: usize) -> Option<Range<usize>> {
    let mut rest = from;
    loop {
        let start = rest + text.get(rest..)?.find("://")? + 3;
        let authority = &text[start..];
        let end = authority.find(|c: char| "/?#\"' <>".contains(c) || c.is_whitespace());
        let authority = &authority[..end.unwrap_or(authority.len())];
        if let Some(sign) = authority.rfind('@')
            && authority[..sign].contains(':')
        {
            return Some(start..start + sign);
        }
        rest = start;
    }
}
