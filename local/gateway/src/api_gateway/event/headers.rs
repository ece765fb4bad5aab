use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, header};

use super::super::text::header_text;

/// All values of each header, with names as in events of REST APIs: `Content-Type`.
pub(super) fn title_case(headers: &HeaderMap) -> BTreeMap<String, Vec<String>> {
    let names = headers.keys();
    names
        .map(|name| {
            (
                title(name),
                headers.get_all(name).iter().map(header_text).collect(),
            )
        })
        .collect()
}

/// `headers` of payload format 2.0: lower-case names, values joined with commas, without
/// cookies.
pub(super) fn joined(headers: &HeaderMap) -> BTreeMap<String, String> {
    let names = headers.keys().filter(|&name| name != header::COOKIE);
    names
        .map(|name| {
            let values: Vec<String> = headers.get_all(name).iter().map(header_text).collect();
            (name.to_string(), values.join(","))
        })
        .collect()
}

/// `cookies` of payload format 2.0: one `name=value` each.
pub(super) fn cookies(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(header::COOKIE);
    let cookies = values.iter().map(header_text);
    let split = |value: String| -> Vec<String> {
        value
            .split(';')
            .map(|cookie| cookie.trim().to_owned())
            .filter(|cookie| !cookie.is_empty())
            .collect()
    };
    cookies.flat_map(split).collect()
}

/// Restores the usual spelling of a name. REST APIs keep the client's spelling, but the HTTP
/// server here has already changed it to lower case.
fn title(name: &HeaderName) -> String {
    let mut start = true;
    let letter = |c: char| {
        let letter = if start { c.to_ascii_uppercase() } else { c };
        start = c == '-';
        letter
    };
    name.as_str().chars().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_usual_spelling_of_clients() {
        assert_eq!(
            title(&HeaderName::from_static("x-amzn-trace-id")),
            "X-Amzn-Trace-Id"
        );
        assert_eq!(title(&header::HOST), "Host");
    }

    #[test]
    fn cookies_are_split_and_removed_from_the_headers() {
        let mut headers = HeaderMap::new();
        headers.append("cookie", "a=1; b=2;".parse().unwrap());
        headers.append("cookie", "c=3".parse().unwrap());
        headers.append("x-a", "1".parse().unwrap());
        headers.append("x-a", "2".parse().unwrap());
        assert_eq!(cookies(&headers), ["a=1", "b=2", "c=3"]);
        assert_eq!(
            joined(&headers),
            BTreeMap::from([("x-a".to_owned(), "1,2".to_owned())])
        );
    }
}
