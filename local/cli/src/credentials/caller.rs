use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// The user who started the program: variables and home folder.
pub(crate) struct Caller {
    variables: BTreeMap<String, String>,
    home: PathBuf,
}

impl fmt::Debug for Caller {
    /// Shows nothing: the variables may contain a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").finish_non_exhaustive()
    }
}

impl Caller {
    /// The caller of this process.
    pub(crate) fn of_process() -> Self {
        let variables = std::env::vars_os();
        let variables = variables.filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            Some((name, value.into_string().ok()?))
        });
        Self {
            variables: variables.collect(),
            home: etcetera::home_dir().unwrap_or_default(),
        }
    }

    /// A variable. An empty one counts as not set, as in AWS's SDKs.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        let value = self.variables.get(name)?;
        (!value.is_empty()).then(|| value.clone())
    }

    /// The profile that SDKs use.
    pub(super) fn profile(&self) -> &str {
        let profile = self.variables.get("AWS_PROFILE");
        let profile = profile.filter(|profile| !profile.is_empty());
        profile.map_or("default", String::as_str)
    }

    /// `~/.aws/credentials`, or the file that the caller's variable names.
    pub(super) fn credentials_file(&self) -> PathBuf {
        self.file("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")
    }

    /// `~/.aws/config`, or the file that the caller's variable names.
    pub(super) fn config_file(&self) -> PathBuf {
        self.file("AWS_CONFIG_FILE", "~/.aws/config")
    }

    fn file(&self, variable: &str, default: &str) -> PathBuf {
        let path = self.variable(variable);
        let path = path.as_deref().unwrap_or(default);
        match path.strip_prefix("~/") {
            Some(rest) => self.home.join(rest),
            None => path.into(),
        }
    }

    #[cfg(test)]
    pub(super) fn with_variables(variables: &[(&str, &str)]) -> Self {
        let variables = variables.iter();
        Self {
            variables: variables
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            home: "/no/such/home".into(),
        }
    }
}
