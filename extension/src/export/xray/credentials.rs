use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::timeout;
use xray_document::Timestamp;

use super::assume_role::{Role, RoleAssumer};
use super::ca_bundle::CaBundle;
use super::clock::Clock;
use super::container::ContainerEndpoint;

/// Credentials of a role.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) session_token: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

/// The sources of the function's credentials, each `None` if no variable names it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CredentialSources {
    /// Environment variables, which Lambda sets for every process. They are used first, until
    /// AWS responds that they have expired.
    pub environment: Option<Credentials>,
    /// The endpoint that is then asked.
    pub container: Option<ContainerEndpoint>,
}

/// Credentials that expire.
#[derive(Debug, Clone)]
pub(super) struct Temporary {
    pub(super) credentials: Credentials,
    /// `None` if they are to be used once.
    pub(super) expires: Option<Timestamp>,
}

/// Fetches credentials at their first use, and again shortly before they expire.
#[derive(Debug)]
pub(super) struct CredentialsCache {
    sources: CredentialSources,
    environment_expired: AtomicBool,
    container: Fetched,
    role: Option<(RoleAssumer, Fetched)>,
}

/// Credentials are fetched again this long before they expire.
const EXPIRY_MARGIN: Duration = Duration::from_secs(60);

/// The longest time that a source may take to respond.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

impl CredentialsCache {
    /// Credentials of the function or, if `role` is set, of that role.
    pub(super) fn new(
        sources: CredentialSources,
        role: Option<Role>,
        region: &str,
        ca_bundle: Option<CaBundle>,
    ) -> Self {
        let role = role.map(|role| RoleAssumer::new(role, region, ca_bundle));
        Self {
            sources,
            environment_expired: AtomicBool::new(false),
            container: Fetched::default(),
            role: role.map(|role| (role, Fetched::default())),
        }
    }

    /// Returns valid credentials.
    ///
    /// # Errors
    /// The reason why there are none. The text contains no secret.
    pub(super) async fn get(&self, clock: &Clock) -> Result<Credentials, String> {
        match &self.role {
            Some((role, fetched)) => fetched.get(clock, self.assume(role, clock)).await,
            None => self.of_function(clock).await,
        }
    }

    /// Reports that AWS did not accept these credentials any more. Returns true if
    /// [`get`](Self::get) may return others now.
    pub(super) async fn replace(&self, rejected: &Credentials) -> bool {
        if let Some((_, fetched)) = &self.role
            && fetched.forget(rejected).await
        {
            return true;
        }
        let is_environment = self.sources.environment.as_ref() == Some(rejected);
        if is_environment && self.sources.container.is_some() {
            self.environment_expired.store(true, Ordering::Relaxed);
            return true;
        }
        self.container.forget(rejected).await
    }

    async fn of_function(&self, clock: &Clock) -> Result<Credentials, String> {
        let CredentialSources {
            environment,
            container,
        } = &self.sources;
        if let Some(environment) = environment
            && !self.environment_expired.load(Ordering::Relaxed)
        {
            return Ok(environment.clone());
        }
        match container {
            Some(container) => self.container.get(clock, container.fetch()).await,
            None => Err(
                "no credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set"
                    .to_owned(),
            ),
        }
    }

    /// Assumes the role. If the function's credentials have expired, tries once more with others.
    async fn assume(&self, role: &RoleAssumer, clock: &Clock) -> Result<Temporary, String> {
        let own = self.of_function(clock).await?;
        let failure = match role.assume(&own, clock).await {
            Ok(assumed) => return Ok(assumed),
            Err(failure) => failure,
        };
        if !failure.credentials_rejected || !self.replace(&own).await {
            return Err(failure.reason);
        }
        let own = self.of_function(clock).await?;
        let assumed = role.assume(&own, clock).await;
        assumed.map_err(|failure| failure.reason)
    }
}

/// The last credentials of one source.
#[derive(Debug, Default)]
struct Fetched(Mutex<Option<(Credentials, Timestamp)>>);

impl Fetched {
    /// Returns the last credentials if they are valid for [`EXPIRY_MARGIN`], else new ones. If
    /// there are no new ones, the last are used until they expire.
    async fn get(
        &self,
        clock: &Clock,
        fetch: impl Future<Output = Result<Temporary, String>>,
    ) -> Result<Credentials, String> {
        // The lock is held during the fetch, so concurrent requests fetch only once.
        let mut last = self.0.lock().await;
        let valid_for = |expires: &Timestamp| expires.since(Timestamp::from(clock.now()));
        if let Some((credentials, expires)) = &*last
            && valid_for(expires) > EXPIRY_MARGIN
        {
            return Ok(credentials.clone());
        }
        let fetched = timeout(FETCH_TIMEOUT, fetch).await;
        let fetched = fetched.unwrap_or_else(|_| {
            Err(format!(
                "no credentials: their source did not respond within {FETCH_TIMEOUT:?}"
            ))
        });
        match (fetched, &*last) {
            (Ok(new), _) => {
                *last = new
                    .expires
                    .map(|expires| (new.credentials.clone(), expires));
                Ok(new.credentials)
            }
            (Err(_), Some((credentials, expires))) if !valid_for(expires).is_zero() => {
                Ok(credentials.clone())
            }
            (Err(reason), _) => Err(reason),
        }
    }

    /// Forgets the last credentials if they are these.
    async fn forget(&self, rejected: &Credentials) -> bool {
        let mut last = self.0.lock().await;
        let is_last = last
            .as_ref()
            .is_some_and(|(credentials, _)| credentials == rejected);
        if is_last {
            *last = None;
        }
        is_last
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn debug_output_contains_no_secret() {
        let sources = CredentialSources {
            environment: Some(credentials("key-example")),
            container: Some(ContainerEndpoint {
                url: "http://127.0.0.1/secret-example".to_owned(),
                token: Some("token-example".to_owned()),
            }),
        };
        let debug = format!(
            "{:?}",
            CredentialsCache::new(sources, None, "eu-west-1", None)
        );
        assert!(!debug.contains("-example"), "{debug}");
    }

    fn credentials(access_key_id: &str) -> Credentials {
        Credentials {
            access_key_id: access_key_id.to_owned(),
            secret_access_key: "secret".to_owned(),
            session_token: None,
        }
    }

    async fn fetch(fetched: &Fetched, result: Result<(&str, u64), &str>) -> Result<String, String> {
        let result = result
            .map(|(key, seconds)| Temporary {
                credentials: credentials(key),
                expires: Some((SystemTime::now() + Duration::from_secs(seconds)).into()),
            })
            .map_err(str::to_owned);
        let credentials = fetched.get(&Clock::default(), ready(result)).await;
        credentials.map(|credentials| credentials.access_key_id)
    }

    #[tokio::test]
    async fn credentials_are_renewed_before_they_expire_and_kept_if_that_fails() {
        let fetched = Fetched::default();
        let ok = |key: &str| Ok::<_, String>(key.to_owned());
        assert_eq!(fetch(&fetched, Err("away")).await, Err("away".to_owned()));
        assert_eq!(fetch(&fetched, Ok(("first", 50))).await, ok("first"));
        assert_eq!(fetch(&fetched, Err("away")).await, ok("first"));
        assert_eq!(fetch(&fetched, Ok(("second", 3_600))).await, ok("second"));
        assert_eq!(fetch(&fetched, Ok(("third", 3_600))).await, ok("second"));
        assert!(!fetched.forget(&credentials("first")).await);
        assert!(fetched.forget(&credentials("second")).await);
        assert_eq!(fetch(&fetched, Ok(("third", 3_600))).await, ok("third"));
    }
}
