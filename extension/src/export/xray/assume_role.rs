use hyper::body::Bytes;
use reqwest::Url;
use xray_document::Timestamp;

use super::ca_bundle::CaBundle;
use super::clock::Clock;
use super::connections::Connections;
use super::credentials::{Credentials, Temporary};
use super::endpoint::Service;
use super::request::{Failure, Request, Response};
use super::response::printable;

/// A role that the function's role may assume, usually of another account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// The name of the session, which CloudTrail shows.
    pub session_name: String,
    /// The base URL of STS; `None` if neither an endpoint nor a Region is set.
    pub endpoint: Option<String>,
}

/// Calls AssumeRole.
#[derive(Debug)]
pub(super) struct RoleAssumer {
    role: Role,
    region: String,
    connections: Connections,
}

/// The reason why a role cannot be assumed.
#[derive(Debug)]
pub(super) struct AssumeFailure {
    pub(super) reason: String,
    /// True if STS does not accept the function's credentials any more.
    pub(super) credentials_rejected: bool,
}

/// The content type of a Query API (STS API Reference, "Making API requests").
const CONTENT_TYPE: &str = "application/x-www-form-urlencoded";

/// The version of the STS API.
const VERSION: &str = "2011-06-15";

impl RoleAssumer {
    pub(super) fn new(role: Role, region: &str, ca_bundle: Option<CaBundle>) -> Self {
        Self {
            connections: Connections::new(role.endpoint.as_deref(), ca_bundle),
            region: region.to_owned(),
            role,
        }
    }

    /// Assumes the role with the function's credentials, for the default time of an hour.
    ///
    /// # Errors
    /// STS did not return credentials. The reason contains no secret.
    pub(super) async fn assume(
        &self,
        credentials: &Credentials,
        clock: &Clock,
    ) -> Result<Temporary, AssumeFailure> {
        let failed = |reason: String| AssumeFailure {
            reason: format!("cannot assume the role of XRAY_LAMBDA_ROLE_ARN: {reason}"),
            credentials_rejected: false,
        };
        let mut response = self.send(credentials, clock).await.map_err(failed)?;
        if response.rejects_time() {
            response = self.send(credentials, clock).await.map_err(failed)?;
        }
        let body = String::from_utf8_lossy(&response.body);
        if response.status != 200 {
            let code = printable(element(&body, "Code").unwrap_or_default());
            let reason = format!("STS responded with {} {code}", response.status);
            return Err(AssumeFailure {
                credentials_rejected: response.rejects_credentials(),
                ..failed(reason.trim_end().to_owned() + advice(&code))
            });
        }
        read(&body).ok_or_else(|| failed("the response of STS contains no credentials".to_owned()))
    }

    async fn send(&self, credentials: &Credentials, clock: &Clock) -> Result<Response, String> {
        let Some(endpoint) = &self.role.endpoint else {
            return Err(
                "there is no usable endpoint; correct or remove AWS_ENDPOINT_URL_STS and AWS_ENDPOINT_URL if they are set, and set AWS_REGION".to_owned(),
            );
        };
        let url = format!("{}/", endpoint.trim_end_matches('/'));
        let body = Bytes::from(self.form());
        let request = Request {
            service: Service::Sts,
            region: &self.region,
            url: &url,
            content_type: CONTENT_TYPE,
            body: &body,
        };
        // Called once an hour, when a kept connection is gone.
        let client = self.connections.fresh()?;
        let response = request.send(&client, credentials, clock).await;
        response.map_err(|failure| match failure {
            Failure::BeforeResponse(reason) | Failure::Other(reason) => reason,
        })
    }

    fn form(&self) -> String {
        let mut url = Url::parse("http://localhost/").unwrap_or_else(|_| unreachable!("a URL"));
        url.query_pairs_mut()
            .append_pair("Action", "AssumeRole")
            .append_pair("Version", VERSION)
            .append_pair("RoleArn", &self.role.arn)
            .append_pair("RoleSessionName", &self.role.session_name);
        url.query().unwrap_or_default().to_owned()
    }
}

/// The next step for the user.
fn advice(code: &str) -> &'static str {
    match code {
        "AccessDenied" => {
            "; the function's role needs sts:AssumeRole, and the role must trust the function's role"
        }
        "ValidationError" => "; it is not the ARN of a role",
        _ => "",
    }
}

fn read(xml: &str) -> Option<Temporary> {
    let credentials = element(xml, "Credentials")?;
    let text = |name| element(credentials, name).map(str::to_owned);
    Some(Temporary {
        credentials: Credentials {
            access_key_id: text("AccessKeyId")?,
            secret_access_key: text("SecretAccessKey")?,
            session_token: Some(text("SessionToken")?),
        },
        expires: element(credentials, "Expiration").and_then(Timestamp::from_iso8601),
    })
}

/// Returns the content of the first element with this name. STS sends it without attributes,
/// and its values need no escaping: keys and tokens are base64.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = xml.split_once(&format!("<{name}>"))?;
    let (content, _) = after.split_once(&format!("</{name}>"))?;
    Some(content.trim())
}
