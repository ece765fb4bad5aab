//! The AWS credentials that functions sign with.
//!
//! By default functions get the caller's, as under `sam local`: a function that calls S3 would
//! otherwise fail in a way that nobody understands. Withholding them protects against accidents
//! only, because a function runs as the user and can read `~/.aws` by itself.

mod caller;
mod choice;
mod config_file;
mod keys;
mod profile;

use std::collections::BTreeMap;

pub(crate) use caller::Caller;
pub(crate) use choice::CredentialsChoice;

use keys::Keys;
use profile::{Profile, ProfileError};

/// Credentials and their origin.
#[derive(Debug)]
pub(crate) struct Credentials {
    keys: Keys,
    origin: Origin,
}

#[derive(Debug)]
enum Origin {
    Environment,
    Profile {
        name: String,
        region: Option<String>,
    },
    /// Stand-ins, with the reason.
    NoneFound(String),
    /// Stand-ins, because the user chose them.
    Chosen,
}

impl Credentials {
    /// The credentials that `choice` selects. If the caller has no usable ones, stand-ins.
    ///
    /// # Errors
    ///
    /// The profile that `choice` names does not exist or has no keys.
    pub(crate) fn find(choice: &CredentialsChoice, caller: &Caller) -> anyhow::Result<Self> {
        match choice {
            CredentialsChoice::Caller => Ok(Self::of_caller(caller)),
            CredentialsChoice::None => Ok(Self::stand_ins(Origin::Chosen)),
            CredentialsChoice::Profile(name) => Ok(Self::of_profile(name, caller)?),
        }
    }

    /// The order is that of AWS's SDKs (AWS SDKs and Tools Reference Guide, "Standardized
    /// credential providers").
    fn of_caller(caller: &Caller) -> Self {
        if let Some(keys) = Keys::from_properties(|name| caller.variable(name)) {
            let origin = Origin::Environment;
            return Self { keys, origin };
        }
        Self::of_profile(caller.profile(), caller).unwrap_or_else(|error| {
            let reason = format!("the environment has no keys, and {error}");
            Self::stand_ins(Origin::NoneFound(reason))
        })
    }

    fn of_profile(name: &str, caller: &Caller) -> Result<Self, ProfileError> {
        let Profile { keys, region } = Profile::read(name, caller)?;
        let name = name.to_owned();
        let origin = Origin::Profile { name, region };
        Ok(Self { keys, origin })
    }

    fn stand_ins(origin: Origin) -> Self {
        let keys = Keys::stand_ins();
        Self { keys, origin }
    }

    /// The region of the profile that has the credentials.
    pub(crate) fn region(&self) -> Option<&str> {
        match &self.origin {
            Origin::Profile { region, .. } => region.as_deref(),
            Origin::Environment | Origin::NoneFound(_) | Origin::Chosen => None,
        }
    }

    /// The environment variables that SDKs read.
    pub(crate) fn variables(&self) -> BTreeMap<String, String> {
        self.keys.variables()
    }

    /// One sentence for the user: the credentials that functions get in `region`. `None` if the
    /// user chose stand-ins. Shows at most four characters of the access key id, and no secret.
    pub(crate) fn announcement(&self, region: &str) -> Option<String> {
        let origin = match &self.origin {
            Origin::Environment => "your AWS credentials from environment variables".to_owned(),
            Origin::Profile { name, .. } => format!("the AWS credentials of profile {name}"),
            Origin::NoneFound(reason) => {
                return Some(format!("functions get stand-in credentials: {reason}"));
            }
            Origin::Chosen => return None,
        };
        let key = self.keys.last_four();
        let key = key.map_or_else(String::new, |end| format!("access key …{end}, "));
        Some(format!(
            "functions get {origin} ({key}region {region}); --credentials none gives stand-ins"
        ))
    }
}

/// The variables that a command needs in addition to the caller's, which it inherits: stand-ins
/// if the caller has configured no credentials.
pub(crate) fn variables_for_command(caller: &Caller) -> BTreeMap<String, String> {
    // Providers of SDKs that precede or follow the profile.
    let configured = [
        "AWS_ACCESS_KEY_ID",
        "AWS_PROFILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    ];
    let has_profile = || {
        !matches!(
            Profile::read(caller.profile(), caller),
            Err(ProfileError::Missing { .. } | ProfileError::WithoutKeys { .. })
        )
    };
    if configured
        .iter()
        .any(|name| caller.variable(name).is_some())
        || has_profile()
    {
        return BTreeMap::new();
    }
    Keys::stand_ins().variables()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_key() {
        let caller = Caller::with_variables(&[
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "hidden"),
            ("AWS_SESSION_TOKEN", "hidden"),
        ]);
        let credentials = Credentials::find(&CredentialsChoice::Caller, &caller).unwrap();
        assert_eq!(credentials.variables()["AWS_SECRET_ACCESS_KEY"], "hidden");
        let shown = format!("{credentials:?} {caller:?}");
        assert!(
            !shown.contains("hidden") && !shown.contains("AKID"),
            "{shown}"
        );
    }
}
