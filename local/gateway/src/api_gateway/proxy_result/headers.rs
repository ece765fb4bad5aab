use http::{HeaderMap, HeaderName, HeaderValue, header};

/// More headers than any response has: API Gateway allows 10,240 bytes of them.
const MAX_HEADERS: usize = 1_000;

/// Headers that a REST API does not take from a function, but sends on under the name
/// `x-amzn-Remapped-…` (API Gateway Developer Guide, "Important notes").
pub(super) const REMAPPED: [HeaderName; 9] = [
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

/// Headers of the connection to the caller, which is not the function's to rule.
pub(super) const DROPPED: [HeaderName; 6] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    HeaderName::from_static("keep-alive"),
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// A header's value: functions write numbers and booleans, too.
#[derive(Debug, serde::Deserialize)]
#[serde(untagged)]
pub(super) enum Scalar {
    Text(String),
    Number(serde_json::Number),
    Boolean(bool),
    Null,
}

impl Scalar {
    pub(super) fn text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(number) => Some(number.to_string()),
            Self::Boolean(value) => Some(value.to_string()),
            Self::Null => None,
        }
    }
}

pub(super) fn append(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), String> {
    let parsed: HeaderName = name
        .parse()
        .map_err(|_| format!("{name:?} is not a header's name"))?;
    let value = value.trim();
    let value = HeaderValue::from_str(value)
        .map_err(|_| format!("header {name} has a value that no header may have"))?;
    if headers.len() >= MAX_HEADERS {
        return Err(format!("the result has more than {MAX_HEADERS} headers"));
    }
    headers.append(parsed, value);
    Ok(())
}

pub(super) fn remap(headers: &mut HeaderMap, name: &HeaderName) {
    let values: Vec<HeaderValue> = headers.get_all(name).iter().cloned().collect();
    let Ok(remapped) = format!("x-amzn-remapped-{name}").parse::<HeaderName>() else {
        return;
    };
    headers.remove(name);
    for value in values {
        headers.append(&remapped, value);
    }
}
