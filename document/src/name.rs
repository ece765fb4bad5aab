use std::borrow::Cow;

use crate::limits::MAX_NAME_CHARS;

/// Returns a name that X-Ray accepts: up to [`MAX_NAME_CHARS`] letters, numbers, whitespace and
/// `_ . : / % & # = + \ - @` (X-Ray Developer Guide, segment documents).
///
/// Each other character becomes `_` and is not removed, because `a?b` and `ab` may name
/// different things. An empty name, or one of whitespace only, becomes `unknown`. A longer
/// name is cut.
pub fn sanitize_name(name: &str) -> Cow<'_, str> {
    if name.trim().is_empty() {
        return Cow::Borrowed("unknown");
    }
    if name.chars().count() <= MAX_NAME_CHARS && name.chars().all(is_name_char) {
        return Cow::Borrowed(name);
    }
    let kept = name.chars().take(MAX_NAME_CHARS);
    Cow::Owned(
        kept.map(|c| if is_name_char(c) { c } else { '_' })
            .collect(),
    )
}

/// Returns `true` if X-Ray accepts the name as it is.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().count() <= MAX_NAME_CHARS && name.chars().all(is_name_char)
}

fn is_name_char(c: char) -> bool {
    c.is_alphanumeric() || c.is_whitespace() || "_.:/%&#=+\\-@".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_valid_name_is_borrowed() {
        assert!(matches!(
            sanitize_name("## größe_1.2:3/4%5&6#7=8+9\\-@"),
            Cow::Borrowed(_)
        ));
    }

    #[test]
    fn an_invalid_character_becomes_an_underscore() {
        assert_eq!(sanitize_name("a?b*c(d)"), "a_b_c_d_");
        assert_eq!(sanitize_name("  "), "unknown");
    }

    #[test]
    fn a_long_name_is_cut_to_200_characters() {
        assert_eq!(sanitize_name(&"é".repeat(201)).chars().count(), 200);
    }
}
