use std::fmt;
use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::caller::Caller;
use super::config_file::properties;
use super::keys::Keys;

/// A profile with keys of its own.
#[derive(Debug)]
pub(super) struct Profile {
    pub(super) keys: Keys,
    pub(super) region: Option<String>,
}

/// Properties with which an SDK obtains credentials from elsewhere. They precede keys in the
/// same profile.
const INDIRECT: [&str; 8] = [
    "role_arn",
    "credential_source",
    "web_identity_token_file",
    "sso_session",
    "sso_account_id",
    "sso_start_url",
    "login_session",
    "credential_process",
];

impl Profile {
    /// Reads a profile of the caller from both files. The credentials file wins.
    ///
    /// # Errors
    ///
    /// The profile does not exist or has no keys, or a file exists and cannot be read.
    pub(super) fn read(name: &str, caller: &Caller) -> Result<Self, ProfileError> {
        let (credentials, config) = (caller.credentials_file(), caller.config_file());
        let in_config = properties(&read(&config)?, |heading| is_profile(heading, name));
        let in_credentials = properties(&read(&credentials)?, |heading| heading == name);
        if in_config.is_none() && in_credentials.is_none() {
            let files = [credentials, config];
            let name = name.to_owned();
            return Err(ProfileError::Missing { name, files });
        }
        let mut properties = in_config.unwrap_or_default();
        properties.extend(in_credentials.unwrap_or_default());
        properties.retain(|_, value| !value.is_empty());
        if let Some(property) = INDIRECT.into_iter().find(|it| properties.contains_key(*it)) {
            let name = name.to_owned();
            return Err(ProfileError::Indirect { name, property });
        }
        let keys =
            Keys::from_properties(|name| properties.get(&name.to_ascii_lowercase()).cloned());
        Ok(Self {
            keys: keys.ok_or_else(|| ProfileError::WithoutKeys {
                name: name.to_owned(),
            })?,
            region: properties.remove("region"),
        })
    }
}

/// True for the heading of a profile in the config file: `default` or `profile NAME`. The AWS
/// CLI puts a name with spaces into quotes.
fn is_profile(heading: &str, name: &str) -> bool {
    let of_profile = heading
        .strip_prefix("profile")
        .filter(|rest| rest.starts_with([' ', '\t']));
    match of_profile {
        Some(quoted) => quoted.trim().trim_matches(['"', '\'']) == name,
        None => heading == "default" && name == "default",
    }
}

/// The text of a file. A file that does not exist is empty, and so is `/dev/null`, which users
/// name to have no file. To read a pipe or another device could last for ever.
fn read(path: &Path) -> Result<String, ProfileError> {
    let unreadable = |source| ProfileError::Unreadable {
        path: path.to_owned(),
        source,
    };
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(unreadable(error)),
        Ok(file) if is_null_device(&file) => Ok(String::new()),
        Ok(file) if !file.is_file() => Err(ProfileError::NotAFile {
            path: path.to_owned(),
        }),
        Ok(_) => fs::read_to_string(path).map_err(unreadable),
    }
}

fn is_null_device(file: &Metadata) -> bool {
    let null = || fs::metadata("/dev/null").map(|null| null.rdev());
    file.file_type().is_char_device() && null().is_ok_and(|null| null == file.rdev())
}

/// The reason why a profile has no credentials for functions.
#[derive(Debug)]
pub(super) enum ProfileError {
    Missing {
        name: String,
        files: [PathBuf; 2],
    },
    WithoutKeys {
        name: String,
    },
    /// An SDK would obtain the credentials from another service or program.
    Indirect {
        name: String,
        property: &'static str,
    },
    Unreadable {
        path: PathBuf,
        source: io::Error,
    },
    /// A pipe, a device or a folder.
    NotAFile {
        path: PathBuf,
    },
}

impl fmt::Display for ProfileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing {
                name,
                files: [one, other],
            } => write!(
                f,
                "profile {name} is neither in {} nor in {}",
                one.display(),
                other.display()
            ),
            Self::WithoutKeys { name } => write!(
                f,
                "profile {name} does not have both aws_access_key_id and aws_secret_access_key"
            ),
            Self::Indirect { name, property } => write!(
                f,
                "profile {name} has {property}, which xray-local does not follow; export its credentials for --credentials caller: eval \"$(aws configure export-credentials --profile {name} --format env)\""
            ),
            Self::Unreadable { path, source } => {
                write!(f, "{} cannot be read: {source}", path.display())
            }
            Self::NotAFile { path } => write!(
                f,
                "{} is not a regular file, and is not read; put the profile into a file",
                path.display()
            ),
        }
    }
}

impl std::error::Error for ProfileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable { source, .. } => Some(source),
            Self::Missing { .. }
            | Self::WithoutKeys { .. }
            | Self::Indirect { .. }
            | Self::NotAFile { .. } => None,
        }
    }
}
