use super::super::text::decode;

/// The names and values of a query, decoded like an HTML form: `+` is a space. Bytes that
/// are not UTF-8 become U+FFFD.
pub(super) fn pairs(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (
                decode(&name.replace('+', " ")),
                decode(&value.replace('+', " ")),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_decoded_like_a_form() {
        let expected = [
            ("a", "1 2"),
            ("a", "é&="),
            ("b", ""),
            ("", "x"),
            ("c", "%zz%"),
        ];
        let expected: Vec<_> = expected
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect();
        assert_eq!(pairs("a=1+2&&a=%C3%A9%26=&b&=x&c=%zz%"), expected);
        assert!(pairs("").is_empty());
    }
}
