//! The format of `~/.aws/credentials` and `~/.aws/config` (AWS SDKs and Tools Reference Guide,
//! "Using shared config and credentials files").
//!
//! A crate for INI files would not do: they read the indented properties below a property as
//! properties of the profile, or cut values at every `#`.

use std::collections::BTreeMap;

/// The properties of the sections whose headings `is_wanted` accepts, by name in lower case.
/// `None` if no such section exists. Later values win.
pub(super) fn properties(
    text: &str,
    is_wanted: impl Fn(&str) -> bool,
) -> Option<BTreeMap<String, String>> {
    let mut found = None;
    let mut inside = false;
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix('[') {
            inside = heading
                .split_once(']')
                .is_some_and(|(heading, _)| is_wanted(heading.trim()));
            if inside {
                found.get_or_insert_with(BTreeMap::new);
            }
            continue;
        }
        // Indented lines continue a value or belong to the property above.
        let is_property = inside && !line.starts_with([' ', '\t', '#', ';']);
        if is_property
            && let Some((name, value)) = line.split_once('=')
            && let Some(properties) = &mut found
        {
            let name = name.trim().to_ascii_lowercase();
            properties.insert(name, without_comment(value).trim().to_owned());
        }
    }
    found
}

/// A comment in a value begins after a space: `#` may be part of the value.
fn without_comment(value: &str) -> &str {
    let starts = [" #", " ;", "\t#", "\t;"];
    let start = starts.iter().filter_map(|start| value.find(start)).min();
    start.map_or(value, |start| &value[..start])
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# [dev]
region = outside
[dev] ; a comment
Region=eu-west-1 # a comment
  output = nested
s3 =
    aws_access_key_id = nested
aws_access_key_id\t=\tA#B;C
not a property
;aws_secret_access_key = comment
[other]
region = other
aws_secret_access_key = other
[ dev ]
region = ap-south-1
broken [
[unfinished
aws_secret_access_key = unfinished
";

    #[test]
    fn a_section_has_its_own_properties_and_no_nested_ones() {
        let found = properties(TEXT, |heading| heading == "dev").unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                ("aws_access_key_id", "A#B;C"),
                ("region", "ap-south-1"),
                ("s3", "")
            ]
        );
    }

    #[test]
    fn an_absent_section_differs_from_an_empty_one() {
        assert_eq!(properties(TEXT, |heading| heading == "none"), None);
        assert_eq!(
            properties("[e]", |heading| heading == "e"),
            Some(BTreeMap::new())
        );
    }
}
