use std::borrow::Cow;

/// Removes user name, password, query and fragment from each URL in a message. They may
/// hold secrets, and the errors of HTTP clients contain the whole URL of the request.
pub(super) fn without_secrets(message: &str) -> Cow<'_, str> {
    if !message.contains("://") {
        return Cow::Borrowed(message);
    }
    let mut clean = String::with_capacity(message.len());
    let mut rest = message;
    while let Some((before, url)) = rest.split_once("://") {
        clean.push_str(before);
        clean.push_str("://");
        let end = url.find(ends_url).unwrap_or(url.len());
        let (url, after) = url.split_at(end);
        push_url(&mut clean, url);
        rest = after;
    }
    clean.push_str(rest);
    Cow::Owned(clean)
}

/// Returns whether a URL ends before this character, which URLs must escape. Parentheses and
/// brackets are valid in URLs.
fn ends_url(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '<' | '>' | '`')
}

/// Appends the host and the path of a URL, and the punctuation that follows it. `url` has
/// no scheme.
fn push_url(clean: &mut String, url: &str) {
    let authority = url.find(['/', '?', '#']).unwrap_or(url.len());
    let (authority, rest) = url.split_at(authority);
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    clean.push_str(host);
    let Some(secret) = rest.find(['?', '#']) else {
        clean.push_str(rest);
        return;
    };
    let (path, secret) = rest.split_at(secret);
    clean.push_str(path);
    let inner = secret.trim_end_matches([')', ']', '}', '\'', ',', '.', ':', ';']);
    clean.push_str(secret.get(inner.len()..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_query_survives(before: String, query in "[^\\s\"<>`]{0,40}", after: String) {
            let url = format!("https://user:\u{2020}@api.test/path?a=\u{2020}{query}\u{2020}");
            let clean = without_secrets(&format!("{} ({url}) {}", plain(&before), plain(&after)))
                .into_owned();
            prop_assert!(!clean.contains('\u{2020}'), "{clean}");
            prop_assert!(clean.contains(" (https://api.test/path) "), "{clean}");
        }

        #[test]
        fn a_message_without_a_url_stays_as_it_is(message: String) {
            let message = plain(&message);
            prop_assert_eq!(without_secrets(&message), message.as_str());
        }
    }

    /// The text without URLs and without the character that marks secrets.
    fn plain(text: &str) -> String {
        text.replace("://", "").replace(['\u{2020}', '/'], "")
    }

    #[test]
    fn user_and_query_of_a_url_are_removed_and_the_sentence_stays() {
        for (message, clean) in [
            ("no such order", "no such order"),
            (
                "refused for url (https://api.test:1/x?token=secret): timed out",
                "refused for url (https://api.test:1/x): timed out",
            ),
            (
                "for url (https://api.test/x?token=se(cr)et,secret)",
                "for url (https://api.test/x)",
            ),
            (
                r#"Error { url: "http://secret:secret@h/p#secret", at: 7 }"#,
                r#"Error { url: "http://h/p", at: 7 }"#,
            ),
            (
                "postgres://app:secret@db/x and http://a?secret",
                "postgres://db/x and http://a",
            ),
            ("http://[::1]:80/?secret#secret.", "http://[::1]:80/."),
            ("see http://a/b, or not", "see http://a/b, or not"),
        ] {
            assert_eq!(without_secrets(message), clean);
        }
    }
}
