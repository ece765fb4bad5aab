//! The endpoint and credentials of X-Ray, from the variables of AWS's SDKs.

use super::variable::Variables;
use crate::export::xray::{CredentialSource, Credentials, endpoint};

/// X-Ray's base URL. A URL with a user name or password is not used: its `Authorization` header
/// would be a second one, beside the signature.
pub(super) fn endpoint(
    get: Variables<'_>,
    region: Option<&str>,
    warnings: &mut Vec<String>,
) -> Option<String> {
    let own = ["AWS_ENDPOINT_URL_XRAY", "AWS_ENDPOINT_URL"];
    let Some((name, url)) = own.into_iter().find_map(|name| Some((name, get(name)?))) else {
        return region.map(endpoint::for_region);
    };
    if endpoint::has_user_info(&url) {
        warnings.push(format!(
            "{name} contains a user name or password; remove it: nothing is sent to this endpoint"
        ));
        return None;
    }
    if endpoint::is_readable_on_the_way(&url) {
        warnings.push(format!(
            "{name} is plain HTTP to another host: documents and the session token can be read on the way; use https"
        ));
    }
    Some(url)
}

/// The source of credentials; `None` if no variable names one.
pub(super) fn credentials(get: Variables<'_>) -> Option<CredentialSource> {
    let keys = get("AWS_ACCESS_KEY_ID").zip(get("AWS_SECRET_ACCESS_KEY"));
    if let Some((access_key_id, secret_access_key)) = keys {
        return Some(CredentialSource::Environment(Credentials {
            access_key_id,
            secret_access_key,
            session_token: get("AWS_SESSION_TOKEN"),
        }));
    }
    Some(CredentialSource::Container {
        url: get("AWS_CONTAINER_CREDENTIALS_FULL_URI")?,
        token: get("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
    })
}
