//! The result of a function, read as a response (API Gateway Developer Guide, "Output format
//! of a Lambda function for proxy integration" and "payload format version").

mod headers;
mod members;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::value::RawValue;

use super::api::ApiKind;
use super::proxy_response::ProxyResponse;
use super::routing::PayloadFormat;
use members::{Members, kind_of, member};

/// The members that a REST API accepts in a result. Any other makes the result malformed, as
/// under `sam local`.
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
/// The result is malformed. The text is for the log, so it holds no values of the result.
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
            structured(&members, format)?
        }
        (PayloadFormat::V2, _) => body_only(result),
        (PayloadFormat::V1, Some(members)) => {
            check_members(&members, kind)?;
            structured(&members, format)?
        }
        (PayloadFormat::V1, None) => {
            return Err(format!(
                "the result must be an object with statusCode, headers and body, not {}",
                kind_of(result)
            ));
        }
    };
    if kind == ApiKind::Rest {
        headers::remap(&mut response.headers);
    }
    headers::drop_connection_headers(&mut response.headers);
    let default_type = match kind {
        ApiKind::Rest => "application/json",
        ApiKind::Http => "text/plain;charset=UTF-8",
    };
    if !response.headers.contains_key(header::CONTENT_TYPE) && !response.body.is_empty() {
        let default_type = HeaderValue::from_static(default_type);
        response.headers.insert(header::CONTENT_TYPE, default_type);
    }
    Ok(response)
}

/// A result of payload format 2.0 without a `statusCode`: the result is the body.
fn body_only(result: &RawValue) -> ProxyResponse {
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

fn check_members(members: &Members<'_>, kind: ApiKind) -> Result<(), String> {
    match kind {
        ApiKind::Rest => {
            let mut names = members.keys();
            match names.find(|name| !REST_MEMBERS.contains(&name.as_str())) {
                Some(name) => Err(format!(
                    "the result has the unknown member {name:?}; a REST API accepts {}",
                    REST_MEMBERS.join(", ")
                )),
                None => Ok(()),
            }
        }
        ApiKind::Http if members.contains_key("statusCode") => Ok(()),
        ApiKind::Http => Err("the result has no statusCode".to_owned()),
    }
}

fn structured(members: &Members<'_>, format: PayloadFormat) -> Result<ProxyResponse, String> {
    Ok(ProxyResponse {
        headers: headers::read(members, format)?,
        status: status(members)?,
        body: body(members)?,
    })
}

/// `statusCode`: a number, or a string with a number. The default is 200.
fn status(members: &Members<'_>) -> Result<StatusCode, String> {
    let value = members.get("statusCode");
    let Some(value) = value.filter(|value| value.get() != "null") else {
        return Ok(StatusCode::OK);
    };
    let text = value.get().trim_matches('"');
    let whole = text
        .parse::<f64>()
        .ok()
        .filter(|number| number.fract() == 0.0 && (200.0..600.0).contains(number));
    // A whole number from 200 to 599, so the cast is exact.
    whole
        .and_then(|number| StatusCode::from_u16(number as u16).ok())
        .ok_or_else(|| match kind_of(value) {
            "a number" => "statusCode must be a whole number from 200 to 599".to_owned(),
            kind => format!("statusCode must be a number from 200 to 599, not {kind}"),
        })
}

/// `body`, decoded if `isBase64Encoded` is true.
fn body(members: &Members<'_>) -> Result<Bytes, String> {
    let text: Option<String> = member(members, "body", "a string (serialize JSON to a string)")?;
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
