use std::str::FromStr;

use anyhow::bail;

/// The value of `--credentials`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CredentialsChoice {
    /// The credentials that AWS's tools would use in the caller's shell.
    Caller,
    /// Stand-ins.
    None,
    /// A profile of the caller's AWS configuration.
    Profile(String),
}

impl FromStr for CredentialsChoice {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        match (text, text.strip_prefix("profile:")) {
            ("caller", _) => Ok(Self::Caller),
            ("none", _) => Ok(Self::None),
            (_, Some(name)) if !name.is_empty() => Ok(Self::Profile(name.to_owned())),
            _ => bail!("expected caller, none, or profile:NAME"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_caller_none_or_a_profile() {
        let profile = |name: &str| CredentialsChoice::Profile(name.to_owned());
        for (text, choice) in [
            ("caller", CredentialsChoice::Caller),
            ("none", CredentialsChoice::None),
            ("profile:dev", profile("dev")),
            ("profile:a:b", profile("a:b")),
        ] {
            assert_eq!(text.parse::<CredentialsChoice>().unwrap(), choice);
        }
        for text in ["", "dev", "profile", "profile:", "Caller"] {
            assert!(text.parse::<CredentialsChoice>().is_err(), "{text}");
        }
    }
}
