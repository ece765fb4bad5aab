//! Replaces the ids in URLs and names, so that requests of one kind have one name, and no id
//! leaves the function with them.

use std::borrow::Cow;

use crate::detect::user_info_end;

/// The form of a path, such as `/users/{name}/orders/{id}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    text: String,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// The template does not begin with `/`, or has no part in braces.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if !text.starts_with('/') {
            return Err("does not begin with \"/\"".to_owned());
        }
        if !text.split('/').any(is_placeholder) {
            return Err("has no part in braces, such as \"/users/{name}\"".to_owned());
        }
        Ok(Self {
            text: text.to_owned(),
        })
    }

    fn matches(&self, path: &str) -> bool {
        let mut parts = path.split('/');
        let fits = self.text.split('/').all(|expected| {
            parts.next().is_some_and(|part| {
                expected == part || is_placeholder(expected) && !part.is_empty()
            })
        });
        fits && parts.next().is_none()
    }
}

fn is_placeholder(part: &str) -> bool {
    part.len() > 2 && part.starts_with('{') && part.ends_with('}')
}

/// The rule for URLs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Urls {
    /// True if ids in the path are replaced.
    pub(crate) bucket: bool,
    /// True if query and fragment stay.
    pub(crate) keep_query: bool,
    pub(crate) templates: Vec<Template>,
}

impl Urls {
    /// Returns the URL without user, password and, by the rule, query and ids; `None` if nothing
    /// changes. `id` replaces each id.
    pub(crate) fn clean(&self, url: &str, id: &str) -> Option<String> {
        let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.:".contains(&byte);
        let (scheme, rest) = match url.find("://") {
            Some(colon) if url[..colon].bytes().all(is_scheme) => url.split_at(colon + 3),
            _ if url.starts_with("//") => url.split_at(2),
            _ => ("", url),
        };
        let user_info = match scheme {
            "" if rest.starts_with('/') => None,
            // An `@` in a path without a host before it is a user's, in doubt.
            "" => user_info_end(rest, false).or_else(|| {
                let path_end = rest.find(['?', '#']).unwrap_or(rest.len());
                rest[..path_end].rfind('@')
            }),
            _ => user_info_end(rest, matches!(scheme, "http://" | "https://" | "//")),
        };
        let rest = user_info.map_or(rest, |sign| &rest[sign + 1..]);
        let end = rest.find(['?', '#']).unwrap_or(rest.len());
        let (before_query, query) = rest.split_at(end);
        let path_start = match scheme {
            "" if user_info.is_none() => 0,
            _ => before_query.find('/').unwrap_or(before_query.len()),
        };
        let (host, path) = before_query.split_at(path_start);
        let path = self.clean_path(path, id);
        let query = if self.keep_query { query } else { "" };
        let clean = [scheme, host, &path, query].concat();
        (clean != url).then_some(clean)
    }

    fn clean_path<'p>(&'p self, path: &'p str, id: &str) -> Cow<'p, str> {
        let template = self
            .templates
            .iter()
            .find(|template| template.matches(path));
        match template {
            // In the short form, which must not be longer than the URL.
            Some(template) if id.len() == 1 => {
                let parts = template.text.split('/').zip(path.split('/'));
                let parts: Vec<&str> = parts
                    .map(|(expected, part)| if is_placeholder(expected) { id } else { part })
                    .collect();
                Cow::Owned(parts.join("/"))
            }
            Some(template) => Cow::Borrowed(&template.text),
            None if self.bucket => bucket(path, id),
            None => Cow::Borrowed(path),
        }
    }
}

/// Returns a name whose parts after the first `/` have `id` for each id; `None` if nothing
/// changes.
pub(crate) fn bucket_name(name: &str, id: &str) -> Option<String> {
    let (before, path) = name.split_at(name.find('/')?);
    match bucket(path, id) {
        Cow::Borrowed(_) => None,
        Cow::Owned(path) => Some([before, &path].concat()),
    }
}

fn bucket<'p>(path: &'p str, id: &str) -> Cow<'p, str> {
    if !path.split('/').any(is_id) {
        return Cow::Borrowed(path);
    }
    let parts: Vec<&str> = path
        .split('/')
        .map(|part| if is_id(part) { id } else { part })
        .collect();
    Cow::Owned(parts.join("/"))
}

/// The shortest hexadecimal id: shorter ones may be words or versions.
const MIN_HEX_CHARS: usize = 8;

/// The shortest id of other characters: shorter ones may be names.
const MIN_TOKEN_CHARS: usize = 20;

/// Returns whether a part of a path is an id: a number, a UUID, hexadecimal, or a long token with
/// a digit.
fn is_id(part: &str) -> bool {
    let bytes = part.as_bytes();
    let all = |is: fn(&u8) -> bool| bytes.iter().all(is);
    let has_digit = bytes.iter().any(u8::is_ascii_digit);
    if !has_digit {
        return false;
    }
    let is_hex = all(|byte| byte.is_ascii_hexdigit() || *byte == b'-');
    let is_token = all(|byte| byte.is_ascii_alphanumeric() || b"-_.~=%:".contains(byte));
    all(u8::is_ascii_digit)
        || is_hex && bytes.len() >= MIN_HEX_CHARS
        || is_token && bytes.len() >= MIN_TOKEN_CHARS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(keep_query: bool, templates: &[&str]) -> Urls {
        let templates = templates.iter().map(|text| Template::parse(text).unwrap());
        Urls {
            bucket: true,
            keep_query,
            templates: templates.collect(),
        }
    }

    #[test]
    fn ids_in_a_url_become_one_placeholder() {
        for (url, clean) in [
            ("https://h/items/123", Some("https://h/items/{id}")),
            (
                "https://h:8443/a/0b3a5c6e-8d1f-4f6b-9a51-2c3d4e5f6a7b/b",
                Some("https://h:8443/a/{id}/b"),
            ),
            ("/files/deadbeef01", Some("/files/{id}")),
            ("/u/usr_9f8e7d6c5b4a39281706", Some("/u/{id}")),
            ("/v1/oauth2/facade/s3", None),
            ("https://h/a?x=1#y", Some("https://h/a")),
            ("https://u:p@h/a", Some("https://h/a")),
            ("https://u:p?w@h/a", Some("https://h/a")),
            ("https://u:p@w@h/a", Some("https://h/a")),
            ("https://u:p#w@h/a", Some("https://h/a")),
            ("postgres://u:p/w@h/db", Some("postgres://h/db")),
            ("postgres://u:1/w@h/db", Some("postgres://h/db")),
            ("mongodb://u:p@h/?appName=@u@", Some("mongodb://h/")),
            ("user:pw@host:5432/db", Some("host:5432/db")),
            ("u/p@host:1521/db", Some("host:1521/db")),
            ("//u:p@h/a", Some("//h/a")),
            ("https://h:8080/@scope/a", None),
            ("https://[::1]:80/@scope", None),
            ("/a@b", None),
            ("https://10.0.0.1", None),
            ("", None),
        ] {
            assert_eq!(
                urls(false, &[]).clean(url, "{id}").as_deref(),
                clean,
                "{url}"
            );
        }
        assert_eq!(urls(true, &[]).clean("/a?x=1", "{id}"), None);
    }

    #[test]
    fn the_first_template_that_fits_replaces_the_path() {
        let urls = urls(false, &["/users/{name}", "/users/{other}/orders/{id}"]);
        for (url, clean) in [
            ("/users/ana", Some("/users/{name}")),
            (
                "https://h/users/ana/orders/1",
                Some("https://h/users/{other}/orders/{id}"),
            ),
            ("/users/ana/orders", None),
            ("/users//orders/1", Some("/users//orders/{id}")),
        ] {
            assert_eq!(urls.clean(url, "{id}").as_deref(), clean, "{url}");
        }
        assert_eq!(urls.clean("/users/a", "*").as_deref(), Some("/users/*"));
    }

    #[test]
    fn only_the_path_of_a_name_is_bucketed() {
        assert_eq!(
            bucket_name("GET /items/123", "{id}").as_deref(),
            Some("GET /items/{id}")
        );
        assert_eq!(bucket_name("orders-20240101", "{id}"), None);
        assert_eq!(bucket_name("123/orders", "{id}"), None);
    }
}
