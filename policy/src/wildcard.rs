/// Returns whether `text` matches `pattern`, in which `*` is any number of characters and `?`
/// one. The case of ASCII letters is ignored. These are the wildcards of X-Ray's sampling rules
/// (X-Ray Developer Guide, "Configuring sampling rules"; the SDKs ignore the case).
pub fn matches_wildcard(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    glob(
        &pattern,
        &text,
        |part| *part == '*',
        |part, c| *part == '?' || part.eq_ignore_ascii_case(c),
    )
}

/// Matches `text` with `pattern`, in which some parts stand for any number of items and each
/// other part for one. Takes at most `pattern.len() * text.len()` steps.
pub(crate) fn glob<P, T>(
    pattern: &[P],
    text: &[T],
    is_any: impl Fn(&P) -> bool,
    matches: impl Fn(&P, &T) -> bool,
) -> bool {
    let (mut at, mut item) = (0, 0);
    // The last `any` part, and the item from which the parts after it are tried.
    let mut back: Option<(usize, usize)> = None;
    while item < text.len() {
        match pattern.get(at) {
            Some(part) if is_any(part) => {
                back = Some((at, item));
                at += 1;
            }
            Some(part) if matches(part, &text[item]) => {
                at += 1;
                item += 1;
            }
            _ => {
                let Some((any, tried)) = back else {
                    return false;
                };
                back = Some((any, tried + 1));
                at = any + 1;
                item = tried + 1;
            }
        }
    }
    pattern[at..].iter().all(is_any)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_as_in_sampling_rules() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("/health*", "/HEALTHZ", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*b", "xaxbxab", true),
            ("*a*b", "xaxbxa", false),
            ("é?", "éa", true),
        ] {
            assert_eq!(
                matches_wildcard(pattern, text),
                expected,
                "{pattern} {text}"
            );
        }
    }
}
