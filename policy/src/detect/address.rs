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
        // Up to the next URL, so that each byte is read once.
        let authority = &authority[..authority.find("://").unwrap_or(authority.len())];
        let end = authority.find(|c: char| "\"' <>".contains(c) || c.is_whitespace());
        let url = &authority[..end.unwrap_or(authority.len())];
        let is_http = ["http://", "https://"]
            .iter()
            .any(|scheme| text[..start].ends_with(scheme));
        if let Some(sign) = user_info_end(url, is_http)
            && url[..sign].contains(':')
        {
            return Some(start..start + sign);
        }
        rest = start;
    }
}

/// The place of the `@` after user and password, in a URL without its scheme. RFC 3986 does not
/// allow `/`, `?` and `#` in a password, but people write them: in doubt more is removed.
pub(crate) fn user_info_end(url: &str, is_http: bool) -> Option<usize> {
    let authority_end = url.find(['/', '?', '#']).unwrap_or(url.len());
    let authority = &url[..authority_end];
    let path_end = url.find(['?', '#']).unwrap_or(url.len());
    // The colons of an IPv6 address are no sign of a password.
    let after_host = match authority.starts_with('[') {
        true => authority.rsplit(']').next().unwrap_or(authority),
        false => authority,
    };
    let port = after_host.split_once(':').map(|(_, port)| port);
    let is_port = port.is_none_or(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
    let within = if authority.contains('@') && path_end > authority_end {
        &url[..path_end]
    } else if authority.contains('@') || !is_port {
        url
    } else if !is_http && port.is_some() {
        &url[..path_end]
    } else {
        return None;
    };
    within.rfind('@')
}
