use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::super::routing::PayloadFormat;
use super::members::{Members, member};

/// Far more headers than a response has: API Gateway allows 10,240 bytes of them (API Gateway
/// quotas). Bounded, because `HeaderMap` panics above 32,768.
const MAX_HEADERS: usize = 1_000;

/// Headers of a function's result that a REST API renames to `x-amzn-Remapped-…` (API Gateway
/// Developer Guide, "Important notes").
const REMAPPED: [HeaderName; 9] = [
    header::AUTHORIZATION,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    HeaderName::from_static("content-md5"),
    header::DATE,
    header::HOST,
    header::SERVER,
    header::USER_AGENT,
    header::WWW_AUTHENTICATE,
];

/// Headers of the connection to the caller, which only the HTTP server may set.
const DROPPED: [HeaderName; 6] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    HeaderName::from_static("keep-alive"),
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// A header's value. API Gateway accepts numbers and booleans as well.
#[derive(Debug, serde::Deserialize)]
#[serde(untagged)]
enum Value {
    Text(String),
    Number(serde_json::Number),
    Boolean(bool),
    Null,
}

/// Reads the headers and cookies of a result.
pub(super) fn read(members: &Members<'_>, format: PayloadFormat) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    let single: BTreeMap<String, Value> =
        member(members, "headers", "an object of strings")?.unwrap_or_default();
    for (name, value) in single {
        append(&mut headers, &name, value)?;
    }
    match format {
        PayloadFormat::V1 => read_multi_value_headers(members, &mut headers)?,
        PayloadFormat::V2 => read_cookies(members, &mut headers)?,
    }
    Ok(headers)
}

/// The values of `multiValueHeaders` replace those of `headers`.
fn read_multi_value_headers(members: &Members<'_>, headers: &mut HeaderMap) -> Result<(), String> {
    let expected = "an object of arrays of strings";
    let multiple: BTreeMap<String, Option<Vec<Value>>> =
        member(members, "multiValueHeaders", expected)?.unwrap_or_default();
    for name in multiple.keys() {
        headers.remove(name.as_str());
    }
    for (name, values) in multiple {
        for value in values.unwrap_or_default() {
            append(headers, &name, value)?;
        }
    }
    Ok(())
}

fn read_cookies(members: &Members<'_>, headers: &mut HeaderMap) -> Result<(), String> {
    let cookies: Vec<String> =
        member(members, "cookies", "an array of strings")?.unwrap_or_default();
    for cookie in cookies {
        append(headers, "set-cookie", Value::Text(cookie))?;
    }
    Ok(())
}

/// Appends a header, unless its value is `null`.
fn append(headers: &mut HeaderMap, name: &str, value: Value) -> Result<(), String> {
    let value = match value {
        Value::Text(text) => text,
        Value::Number(number) => number.to_string(),
        Value::Boolean(value) => value.to_string(),
        Value::Null => return Ok(()),
    };
    let parsed: HeaderName = name
        .parse()
        .map_err(|_| format!("{name:?} is not a valid header name"))?;
    let value = HeaderValue::from_str(value.trim())
        .map_err(|_| format!("header {name} has an invalid value"))?;
    if headers.len() >= MAX_HEADERS {
        return Err(format!("the result has more than {MAX_HEADERS} headers"));
    }
    headers.append(parsed, value);
    Ok(())
}

/// Renames the headers that a REST API keeps for itself.
pub(super) fn remap(headers: &mut HeaderMap) {
    for name in &REMAPPED {
        let Ok(remapped) = format!("x-amzn-remapped-{name}").parse::<HeaderName>() else {
            continue;
        };
        let values: Vec<HeaderValue> = headers.get_all(name).iter().cloned().collect();
        headers.remove(name);
        for value in values {
            headers.append(&remapped, value);
        }
    }
}

/// Removes the headers of the connection.
pub(super) fn drop_connection_headers(headers: &mut HeaderMap) {
    for name in DROPPED {
        headers.remove(name);
    }
}
