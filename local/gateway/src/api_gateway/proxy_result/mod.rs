//! What a function returns, read as a response.

mod headers;
mod members;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::value::RawValue;

use super::api::ApiKind;
use super::proxy_response::ProxyResponse;
use super::routing::PayloadFormat;
use headers::{DROPPED, REMAPPED, Scalar, append, remap};
use members::{Members, kind_of, member};

/// Names that a REST API's result may have; others make it malformed, as `sam local` has it.
const REST_MEMBERS: [&str; 6] = [
    "statusCode",
    "headers",
    "multiValueHeaders",
    "body",
    "isBase64Encoded",
    "cookies",
];

/// Reads a function's result.
///
/// # Errors
/// What is malformed about it, in words for the log.
pub(crate) fn read(
    payload: &[u8],
    kind: ApiKind,
    format: PayloadFormat,
) -> Result<ProxyResponse, String> {
    let result: &RawValue = serde_json::from_slice(payload)
        .map_err(|error| format!("the result is not JSON: {error}"))?;
    let members: Option<Members<'_>> = serde_json::from_str(result.get()).ok();
    let mut response = match (format, members) {
        (PayloadFormat::V2, Some(members)) if members.contains_key("statusCode") => {
            structured(&members, PayloadFormat::V2)?
        }
        (PayloadFormat::V2, _) => simple(result),
        (PayloadFormat::V1, Some(members)) => {
            if kind == ApiKind::Rest
                && let Some(name) = members
                    .keys()
                    .find(|name| !REST_MEMBERS.contains(&name.as_str()))
            {
                return Err(format!(
                    "the result has the member {name:?}, which a REST API does not know"
                ));
            }
            if kind == ApiKind::Http && !members.contains_key("statusCode") {
                return Err("the result has no statusCode".to_owned());
            }
            structured(&members, PayloadFormat::V1)?
        }
        (PayloadFormat::V1, None) => {
            return Err(format!(
                "the result must be an object with statusCode, headers and body, not {}",
                kind_of(result)
            ));
        }
    };
    for name in REMAPPED.iter().filter(|_| kind == ApiKind::Rest) {
        remap(&mut response.headers, name);
    }
    for name in DROPPED {
        response.headers.remove(name);
    }
    let default_type = match kind {
        ApiKind::Rest => "application/json",
        ApiKind::Http => "text/plain;charset=UTF-8",
    };
    if !response.headers.contains_key(header::CONTENT_TYPE) && !response.body.is_empty() {
        response
            .headers
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(default_type));
    }
    Ok(response)
}

/// Payload format 2.0 without a `statusCode`: the result itself is the body.
fn simple(result: &RawValue) -> ProxyResponse {
    let text: Option<String> = serde_json::from_str(result.get()).ok();
    let body = text.unwrap_or_else(|| result.get().to_owned());
    let json = HeaderValue::from_static("application/json");
    let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, json)]);
    ProxyResponse {
        status: StatusCode::OK,
        headers,
        body: Bytes::from(body),
    }
}

fn structured(members: &Members<'_>, format: PayloadFormat) -> Result<ProxyResponse, String> {
    let mut headers = HeaderMap::new();
    let single: BTreeMap<String, Scalar> =
        member(members, "headers", "an object of strings")?.unwrap_or_default();
    for (name, value) in single {
        if let Some(value) = value.text() {
            append(&mut headers, &name, &value)?;
        }
    }
    match format {
        PayloadFormat::V1 => {
            let many: BTreeMap<String, Option<Vec<Scalar>>> = member(
                members,
                "multiValueHeaders",
                "an object of arrays of strings",
            )?
            .unwrap_or_default();
            // A name in both has the values of `multiValueHeaders` only.
            for name in many.keys() {
                headers.remove(name.as_str());
            }
            for (name, values) in many {
                for value in values
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(Scalar::text)
                {
                    append(&mut headers, &name, &value)?;
                }
            }
        }
        PayloadFormat::V2 => {
            let cookies: Vec<String> =
                member(members, "cookies", "an array of strings")?.unwrap_or_default();
            for cookie in cookies {
                append(&mut headers, "set-cookie", &cookie)?;
            }
        }
    }
    Ok(ProxyResponse {
        status: status(members)?,
        headers,
        body: body(members)?,
    })
}

fn status(members: &Members<'_>) -> Result<StatusCode, String> {
    let Some(value) = members
        .get("statusCode")
        .filter(|value| value.get() != "null")
    else {
        return Ok(StatusCode::OK);
    };
    let text = value.get().trim_matches('"');
    let whole = text
        .parse::<f64>()
        .ok()
        .filter(|number| number.fract() == 0.0 && (200.0..600.0).contains(number));
    // Within 200 to 599, so the cast is exact.
    whole
        .and_then(|number| StatusCode::from_u16(number as u16).ok())
        .ok_or_else(|| {
            let kind = match kind_of(value) {
                "a number" => "another number",
                kind => kind,
            };
            format!("statusCode must be a number from 200 to 599, not {kind}")
        })
}

fn body(members: &Members<'_>) -> Result<Bytes, String> {
    let text: Option<String> = member(members, "body", "a string (of JSON, where it is JSON)")?;
    let text = text.unwrap_or_default();
    let encoded: Option<bool> = member(members, "isBase64Encoded", "true or false")?;
    if encoded != Some(true) {
        return Ok(Bytes::from(text));
    }
    let lenient =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let decoded = GeneralPurpose::new(&STANDARD, lenient).decode(text.trim_end());
    decoded
        .map(Bytes::from)
        .map_err(|_| "isBase64Encoded is true, but the body is not base64".to_owned())
}
