use std::collections::BTreeMap;
use std::fmt;

const ACCESS_KEY_ID: &str = "AWS_ACCESS_KEY_ID";
const SECRET_ACCESS_KEY: &str = "AWS_SECRET_ACCESS_KEY";
const SESSION_TOKEN: &str = "AWS_SESSION_TOKEN";

/// An access key with its secret.
pub(super) struct Keys {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
}

impl fmt::Debug for Keys {
    /// Shows nothing: a log must not contain a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

impl Keys {
    /// `property` returns a value by the name of its environment variable. `None` without both
    /// an access key id and its secret.
    pub(super) fn from_properties(property: impl Fn(&str) -> Option<String>) -> Option<Self> {
        Some(Self {
            access_key_id: property(ACCESS_KEY_ID)?,
            secret_access_key: property(SECRET_ACCESS_KEY)?,
            session_token: property(SESSION_TOKEN),
        })
    }

    /// Local services accept these, AWS rejects them.
    pub(super) fn stand_ins() -> Self {
        Self {
            access_key_id: "local".to_owned(),
            secret_access_key: "local".to_owned(),
            session_token: None,
        }
    }

    pub(super) fn variables(&self) -> BTreeMap<String, String> {
        let variables = [
            (ACCESS_KEY_ID, Some(&self.access_key_id)),
            (SECRET_ACCESS_KEY, Some(&self.secret_access_key)),
            (SESSION_TOKEN, self.session_token.as_ref()),
        ];
        variables
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.clone())))
            .collect()
    }

    /// The end of the access key id, which is not secret and tells keys apart. `None` if the
    /// rest would be shorter than the end: a short id is not AWS's, and may be a mistake.
    pub(super) fn last_four(&self) -> Option<&str> {
        const SHOWN: usize = 4;
        let id = &self.access_key_id;
        let hidden = id.chars().count().checked_sub(SHOWN)?;
        let (start, _) = id.char_indices().nth(hidden)?;
        (hidden >= SHOWN).then(|| &id[start..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_short_id_is_not_shown() {
        for (id, shown) in [
            ("", None),
            ("abc", None),
            ("hunter2", None),
            ("12345678", Some("5678")),
            ("AKIAIOSFODNN7EXAMPLE", Some("MPLE")),
            ("ääääßßßß", Some("ßßßß")),
        ] {
            let keys = Keys::from_properties(|_| Some(id.to_owned())).unwrap();
            assert_eq!(keys.last_four(), shown, "{id}");
        }
    }
}
