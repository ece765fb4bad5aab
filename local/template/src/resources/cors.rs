//! The CORS configuration of an API: `Cors` of `AWS::Serverless::Api`, `CorsConfiguration` of
//! HTTP APIs.

use std::ops::RangeInclusive;

use super::properties::Properties;
use crate::error::Problem;
use crate::model::Cors;
use crate::source::{Node, Value};
use crate::suggest::did_you_mean;

/// SAM Developer Guide, `CorsConfiguration` of `AWS::Serverless::Api`.
const REST_KEYS: [&str; 5] = [
    "AllowCredentials",
    "AllowHeaders",
    "AllowMethods",
    "AllowOrigin",
    "MaxAge",
];

/// CloudFormation Template Reference, `Cors` of `AWS::ApiGatewayV2::Api`.
const HTTP_KEYS: [&str; 6] = [
    "AllowCredentials",
    "AllowHeaders",
    "AllowMethods",
    "AllowOrigins",
    "ExposeHeaders",
    "MaxAge",
];

/// API Gateway V2 API reference, `Cors`: seconds of `MaxAge`; -1 lets no browser keep the answer.
const MAX_AGE: RangeInclusive<i32> = -1..=86_400;

const ANY_ORIGIN: &str = "*";

/// `Cors`: an origin, or a mapping. SAM makes each value the value of a response header, which
/// API Gateway expects in single quotes.
pub(super) fn rest_cors(properties: &Properties<'_, '_>) -> Result<Option<Cors>, Problem> {
    let Some(node) = properties.get("Cors")? else {
        return Ok(None);
    };
    if !matches!(node.value, Value::Mapping(_)) {
        let allow_origins = quoted(properties, "Cors")?.into_iter().collect();
        return Ok(Some(Cors {
            allow_origins,
            ..Cors::default()
        }));
    }
    let Some(cors) = properties.nested("Cors")? else {
        return Ok(None);
    };
    check_keys(&cors, &REST_KEYS)?;
    let origin = quoted(&cors, "AllowOrigin")?;
    let origin = origin.unwrap_or_else(|| ANY_ORIGIN.to_owned());
    with_valid_credentials(
        &cors,
        "AllowOrigin",
        Cors {
            allow_origins: vec![origin],
            allow_methods: quoted(&cors, "AllowMethods")?,
            allow_headers: quoted(&cors, "AllowHeaders")?,
            expose_headers: None,
            max_age: quoted(&cors, "MaxAge")?,
            allow_credentials: cors.flag("AllowCredentials")?.unwrap_or(false),
        },
    )
}

/// `CorsConfiguration`: `true` for every origin, or a mapping.
pub(super) fn http_cors(properties: &Properties<'_, '_>) -> Result<Option<Cors>, Problem> {
    const NAME: &str = "CorsConfiguration";
    let Some(node) = properties.get(NAME)? else {
        return Ok(None);
    };
    match node.text() {
        Some("false") => return Ok(None),
        Some("true") => {
            return Ok(Some(Cors {
                allow_origins: vec![ANY_ORIGIN.to_owned()],
                ..Cors::default()
            }));
        }
        Some(_) => {
            let message = "must be true, false or a mapping such as {AllowOrigins: ['https://app.example.com']}";
            return Err(properties.problem(NAME, node.place, message));
        }
        None => {}
    }
    let Some(cors) = properties.nested(NAME)? else {
        return Ok(None);
    };
    check_keys(&cors, &HTTP_KEYS)?;
    let joined = |name| Ok(Some(texts(&cors, name)?.join(",")).filter(|list| !list.is_empty()));
    with_valid_credentials(
        &cors,
        "AllowOrigins",
        Cors {
            allow_origins: texts(&cors, "AllowOrigins")?,
            allow_methods: joined("AllowMethods")?,
            allow_headers: joined("AllowHeaders")?,
            expose_headers: joined("ExposeHeaders")?,
            max_age: max_age(&cors)?,
            allow_credentials: cors.flag("AllowCredentials")?.unwrap_or(false),
        },
    )
}

fn check_keys(cors: &Properties<'_, '_>, known: &[&str]) -> Result<(), Problem> {
    let Some(unknown) = cors.keys().find(|key| !known.contains(key)) else {
        return Ok(());
    };
    let hint = match did_you_mean(unknown, known.iter().copied()) {
        hint if hint.is_empty() => format!("; it has {}", known.join(", ")),
        hint => hint,
    };
    let message = format!("CORS has no property '{unknown}'{hint}");
    Err(Problem::new(cors.key_place(unknown), message).about(&cors.owner))
}

/// A string with single quotes inside, without them.
fn quoted(properties: &Properties<'_, '_>, name: &str) -> Result<Option<String>, Problem> {
    let Some(text) = properties.text(name)? else {
        return Ok(None);
    };
    let inner = text
        .strip_prefix('\'')
        .and_then(|rest| rest.strip_suffix('\''));
    let Some(inner) = inner.filter(|inner| is_header_value(inner)) else {
        let message = format!("must be a string in single quotes such as \"'*'\", not '{text}'");
        return Err(properties.problem(name, properties.value_place(name), &message));
    };
    Ok(Some(inner.to_owned()))
}

fn texts(properties: &Properties<'_, '_>, name: &str) -> Result<Vec<String>, Problem> {
    let text = |node: Node| match node.text() {
        Some(text) if is_header_value(text) => Ok(text.to_owned()),
        _ => Err(properties.problem(name, node.place, "must be a list of ASCII strings")),
    };
    properties.list(name)?.into_iter().map(text).collect()
}

fn max_age(cors: &Properties<'_, '_>) -> Result<Option<String>, Problem> {
    let Some(text) = cors.text("MaxAge")? else {
        return Ok(None);
    };
    if text.parse().is_ok_and(|seconds| MAX_AGE.contains(&seconds)) {
        return Ok(Some(text));
    }
    let message = format!(
        "must be {} to {} seconds, not '{text}'",
        MAX_AGE.start(),
        MAX_AGE.end()
    );
    Err(cors.problem("MaxAge", cors.value_place("MaxAge"), &message))
}

/// Rejects credentials for every origin, as API Gateway does.
fn with_valid_credentials(
    properties: &Properties<'_, '_>,
    origins: &str,
    cors: Cors,
) -> Result<Option<Cors>, Problem> {
    let any = cors.allow_origins.iter().any(|origin| origin == ANY_ORIGIN);
    if any && cors.allow_credentials {
        let message =
            format!("cannot be true if all origins are allowed; name those allowed in {origins}");
        let place = properties.value_place("AllowCredentials");
        return Err(properties.problem("AllowCredentials", place, &message));
    }
    Ok(Some(cors))
}

fn is_header_value(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}
