use std::time::SystemTime;

use aws_credential_types::Credentials as Keys;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;

use super::credentials::Credentials;

/// The parts of a signature that depend neither on the request nor on the credentials.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'a> {
    /// The service's name in signatures, such as `xray`.
    pub(super) service: &'static str,
    pub(super) region: &'a str,
    /// The time by AWS's clock.
    pub(super) time: SystemTime,
}

/// Returns the headers that sign a POST of `body` to `url` (SigV4).
///
/// # Errors
/// `url` is not a URL. The text contains no secret.
pub(super) fn headers(
    credentials: &Credentials,
    scope: Scope<'_>,
    url: &str,
    content_type: &str,
    body: &[u8],
) -> Result<Vec<(&'static str, String)>, String> {
    let identity = Keys::new(
        &credentials.access_key_id,
        &credentials.secret_access_key,
        credentials.session_token.clone(),
        None,
        "environment",
    )
    .into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(scope.region)
        .name(scope.service)
        .time(scope.time)
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| format!("cannot sign the request: {error}"))?
        .into();
    let unsigned = std::iter::once(("content-type", content_type));
    let request =
        SignableRequest::new("POST", url, unsigned, SignableBody::Bytes(body)).map_err(|_| {
            let variable = scope.service.to_ascii_uppercase();
            format!("the endpoint is not a URL; check AWS_ENDPOINT_URL_{variable}")
        })?;
    let (instructions, _) = sign(request, &params)
        .map_err(|error| format!("cannot sign the request: {error}"))?
        .into_parts();
    let headers = instructions.headers();
    Ok(headers
        .map(|(name, value)| (name_of(name), value.to_owned()))
        .collect())
}

/// Maps the headers that SigV4 adds to static names, which need no further check.
fn name_of(name: &str) -> &'static str {
    match name {
        "x-amz-date" => "x-amz-date",
        "x-amz-security-token" => "x-amz-security-token",
        "x-amz-content-sha256" => "x-amz-content-sha256",
        _ => "authorization",
    }
}
