use std::borrow::Cow;

use crate::limits::MAX_NAME_CHARS;

/// A name that X-Ray accepts: letters, numbers, whitespace and `_ . : / % & # = + \ - @`,
/// at most 200 characters (X-Ray Developer Guide, segment documents).
///
/// Other characters become `_`, so that two names stay two; an empty one becomes `unknown`.
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
    fn a_good_name_is_borrowed() {
        assert!(matches!(
            sanitize_name("## größe_1.2:3/4%5&6#7=8+9\\-@"),
            Cow::Borrowed(_)
        ));
    }

    #[test]
    fn what_x_ray_refuses_becomes_an_underscore() {
        assert_eq!(sanitize_name("a?b*c(d)"), "a_b_c_d_");
        assert_eq!(sanitize_name("  "), "unknown");
    }

    #[test]
    fn a_long_name_is_cut_at_200_characters_not_bytes() {
        assert_eq!(sanitize_name(&"é".repeat(201)).chars().count(), 200);
    }
}
