//! X-Ray's endpoint, credentials and roots, from the variables of AWS's SDKs.

use super::variable::{Variable, Variables};
use crate::export::xray::endpoint::{self, EndpointOptions, Service};
use crate::export::xray::{
    CaBundle, ContainerEndpoint, CredentialSources, Credentials, Role, XRaySettings,
};

pub(super) const ROLE_ARN: Variable = Variable {
    name: "XRAY_LAMBDA_ROLE_ARN",
    default: "none",
    description: "The ARN of a role to send documents as, such as one of another account; the function's role must be allowed to assume it",
};

/// Reads everything that calls of X-Ray need. No file is read.
pub(super) fn settings(get: Variables<'_>, warnings: &mut Vec<String>) -> XRaySettings {
    let region = get("AWS_REGION").or_else(|| get("AWS_DEFAULT_REGION"));
    let endpoint = endpoint(Service::XRay, get, region.as_deref(), warnings);
    let role = role(get, region.as_deref(), warnings);
    XRaySettings {
        endpoint,
        region,
        credentials: credentials(get),
        role,
        ca_bundle: ca_bundle(get),
    }
}

/// A service's base URL. A URL with a user name or password is not used: its `Authorization`
/// header would be a second one, beside the signature. Neither is a URL with a query or a
/// fragment: the API's path would become a part of it, and the log would show it.
fn endpoint(
    service: Service,
    get: Variables<'_>,
    region: Option<&str>,
    warnings: &mut Vec<String>,
) -> Option<String> {
    let options = EndpointOptions {
        fips: is_true(get, FIPS),
        dual_stack: is_true(get, DUAL_STACK),
    };
    let own = match service {
        Service::XRay => "AWS_ENDPOINT_URL_XRAY",
        Service::Sts => "AWS_ENDPOINT_URL_STS",
    };
    let own = [own, "AWS_ENDPOINT_URL"];
    let Some((name, url)) = own.into_iter().find_map(|name| Some((name, get(name)?))) else {
        return region.map(|region| endpoint::for_region(service, region, options));
    };
    if endpoint::has_user_info(&url) {
        warnings.push(format!(
            "{name} contains a user name or password; remove it: nothing is sent to this endpoint"
        ));
        return None;
    }
    if endpoint::has_query_or_fragment(&url) {
        warnings.push(format!(
            "{name} contains a query or a fragment (`?` or `#`); remove it: nothing is sent to this endpoint"
        ));
        return None;
    }
    if endpoint::is_readable_on_the_way(&url) {
        warnings.push(format!(
            "{name} is plain HTTP to another host: documents and the session token can be read on the way; use https"
        ));
    }
    for (is_set, variable) in [(options.fips, FIPS), (options.dual_stack, DUAL_STACK)] {
        if is_set {
            warnings.push(format!(
                "{variable} has no effect, because {name} names the endpoint; remove one of them"
            ));
        }
    }
    Some(url)
}

const FIPS: &str = "AWS_USE_FIPS_ENDPOINT";
const DUAL_STACK: &str = "AWS_USE_DUALSTACK_ENDPOINT";

/// Reads a boolean as AWS's SDKs do: `true` in any case, everything else is false.
fn is_true(get: Variables<'_>, name: &str) -> bool {
    get(name).is_some_and(|value| value.trim().eq_ignore_ascii_case("true"))
}

fn credentials(get: Variables<'_>) -> CredentialSources {
    let keys = get("AWS_ACCESS_KEY_ID").zip(get("AWS_SECRET_ACCESS_KEY"));
    CredentialSources {
        environment: keys.map(|(access_key_id, secret_access_key)| Credentials {
            access_key_id,
            secret_access_key,
            session_token: get("AWS_SESSION_TOKEN"),
        }),
        container: get("AWS_CONTAINER_CREDENTIALS_FULL_URI").map(|url| ContainerEndpoint {
            url,
            token: get("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
        }),
    }
}

/// The most characters of a session's name (STS API Reference, AssumeRole).
const MAX_SESSION_NAME: usize = 64;

fn role(get: Variables<'_>, region: Option<&str>, warnings: &mut Vec<String>) -> Option<Role> {
    let arn = get(ROLE_ARN.name).filter(|arn| arn != ROLE_ARN.default)?;
    // A function's name has only characters that a session's name may have.
    let mut session_name = format!(
        "xray-lambda-{}",
        get("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default()
    );
    session_name.truncate(MAX_SESSION_NAME);
    Some(Role {
        arn,
        session_name,
        endpoint: endpoint(Service::Sts, get, region, warnings),
    })
}

fn ca_bundle(get: Variables<'_>) -> Option<CaBundle> {
    ["AWS_CA_BUNDLE", "SSL_CERT_FILE"]
        .into_iter()
        .find_map(|variable| {
            let path = get(variable)?.into();
            Some(CaBundle { variable, path })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> (XRaySettings, Vec<String>) {
        let mut warnings = Vec::new();
        let get = |name: &str| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        (super::settings(&get, &mut warnings), warnings)
    }

    #[test]
    fn fips_and_dual_stack_change_the_endpoint_of_the_region() {
        let region = ("AWS_REGION", "us-west-2");
        let endpoint = |variables: &[_]| settings(variables).0.endpoint.unwrap();
        assert_eq!(
            endpoint(&[region, (FIPS, "True")]),
            "https://xray-fips.us-west-2.amazonaws.com"
        );
        assert_eq!(
            endpoint(&[region, (DUAL_STACK, "true")]),
            "https://xray.us-west-2.api.aws"
        );
        assert_eq!(
            endpoint(&[region, (FIPS, "1"), (DUAL_STACK, "false")]),
            "https://xray.us-west-2.amazonaws.com"
        );
    }

    #[test]
    fn an_own_endpoint_is_used_and_a_wish_for_a_fips_endpoint_gives_a_warning() {
        let own = ("AWS_ENDPOINT_URL_XRAY", "https://xray.example");
        let (settings, warnings) = settings(&[own, (FIPS, "true")]);
        assert_eq!(settings.endpoint.as_deref(), Some("https://xray.example"));
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].starts_with("AWS_USE_FIPS_ENDPOINT has no effect"));
    }

    #[test]
    fn an_endpoint_with_a_query_or_a_fragment_is_not_used_and_not_quoted() {
        for url in [
            "https://xray.example/?token=secret",
            "https://xray.example#secret",
            "xray.example?secret",
        ] {
            let (settings, warnings) = settings(&[("AWS_ENDPOINT_URL_XRAY", url)]);
            assert_eq!(settings.endpoint, None, "{url}");
            let [warning] = warnings.as_slice() else {
                panic!("{warnings:?}")
            };
            let is_clear = warning.starts_with("AWS_ENDPOINT_URL_XRAY contains a query");
            assert!(is_clear && !warning.contains("secret"), "{warning}");
        }
    }

    #[test]
    fn a_role_is_assumed_at_the_endpoint_of_sts_with_the_name_of_the_function() {
        let arn = (
            "XRAY_LAMBDA_ROLE_ARN",
            "arn:aws:iam::123456789012:role/traces",
        );
        let region = ("AWS_REGION", "eu-west-1");
        let long = "f".repeat(64);
        let function = ("AWS_LAMBDA_FUNCTION_NAME", long.as_str());
        let role = |variables: &[_]| settings(variables).0.role.unwrap();
        let regional = role(&[arn, region, function]);
        assert_eq!(
            regional.endpoint.as_deref(),
            Some("https://sts.eu-west-1.amazonaws.com")
        );
        assert_eq!(regional.session_name.len(), 64);
        assert!(regional.session_name.starts_with("xray-lambda-fff"));
        let general = ("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
        let sts = ("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:2");
        assert_eq!(role(&[arn, general]).endpoint.as_deref(), Some(general.1));
        assert_eq!(role(&[arn, general, sts]).endpoint.as_deref(), Some(sts.1));
        assert_eq!(settings(&[region]).0.role, None);
    }

    #[test]
    fn the_bundle_of_aws_precedes_that_of_openssl() {
        let aws = ("AWS_CA_BUNDLE", "/aws.pem");
        let openssl = ("SSL_CERT_FILE", "/openssl.pem");
        let bundle = |variables: &[_]| {
            let bundle = settings(variables).0.ca_bundle;
            bundle.map(|bundle| (bundle.variable, bundle.path.display().to_string()))
        };
        assert_eq!(bundle(&[openssl, aws]).unwrap(), (aws.0, aws.1.to_owned()));
        assert_eq!(bundle(&[openssl]).unwrap().0, openssl.0);
        assert_eq!(bundle(&[]), None);
    }
}
