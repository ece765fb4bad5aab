use std::fmt;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use serde::Deserializer as _;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

/// Maximum number of bytes read from an error's body; services send far less. The code of a
/// longer body is read if it comes before the cut.
const MAX_ERROR_BYTES: usize = 16 * 1024;

/// Maximum number of bytes after `&` in which the `;` of an entity is searched.
const MAX_ENTITY_BYTES: usize = 10;

/// The error codes for throttling, from the retry behaviour that all AWS SDKs share.
const THROTTLING_CODES: [&str; 14] = [
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
];

/// The error in a service's response.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ServiceError {
    pub(super) code: String,
    pub(super) message: String,
}

impl ServiceError {
    /// Reads the error from the header or the body, JSON or XML. The typed error is not
    /// available to an interceptor that works with every client.
    pub(super) fn read(response: &HttpResponse) -> Option<Self> {
        if response.status().is_success() {
            return None;
        }
        let body = response.body().bytes().unwrap_or_default();
        Self::parse(
            response.headers().get("x-amzn-errortype"),
            body.get(..MAX_ERROR_BYTES).unwrap_or(body),
        )
    }

    fn parse(error_type: Option<&str>, body: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(body);
        let json = JsonError::read(&text);
        let code = error_type.map(str::to_owned).or(json.kind).or(json.code);
        let code = code.as_deref().or_else(|| xml_element(&text, "Code"))?;
        // `namespace#Code:uri`. The URI may contain `#`, too (Smithy, restJson1, "Operation
        // error serialization").
        let code = code.split(':').next()?;
        let code = code.rsplit('#').next()?;
        let message = json
            .message
            .or_else(|| xml_element(&text, "Message").map(decode_entities));
        Some(Self {
            code: code.to_owned(),
            message: message.unwrap_or_default(),
        })
    }

    pub(super) fn is_throttling(&self) -> bool {
        THROTTLING_CODES.contains(&self.code.as_str())
    }
}

/// The members of an error in JSON.
#[derive(Default)]
struct JsonError {
    /// `__type`
    kind: Option<String>,
    code: Option<String>,
    message: Option<String>,
}

impl JsonError {
    /// Reads one member after the other. A derived `Deserialize` would lose all of them if one
    /// has another type, if `message` and `Message` are both present, or if the text is cut.
    fn read(text: &str) -> Self {
        let mut error = Self::default();
        // After an error of the parser, the members before it are kept.
        let _ = serde_json::Deserializer::from_str(text).deserialize_map(&mut error);
        error
    }
}

impl<'de> Visitor<'de> for &mut JsonError {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(name) = members.next_key::<String>()? {
            let member = match name.as_str() {
                "__type" => &mut self.kind,
                "code" => &mut self.code,
                "message" | "Message" => &mut self.message,
                _ => {
                    members.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            if let Value::String(text) = members.next_value()? {
                member.get_or_insert(text);
            }
        }
        Ok(())
    }
}

/// The content of the first XML element with this name.
fn xml_element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>"))
        .map(|(content, _)| content)
}

/// Replaces the character references and the predefined entities of XML 1.0 (sections 4.1 and
/// 4.6). Everything else stays as it is.
fn decode_entities(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        decoded.push_str(before);
        let end = after.bytes().take(MAX_ENTITY_BYTES).position(|b| b == b';');
        let entity = end.and_then(|end| Some((entity(after.get(..end)?)?, after.get(end + 1..)?)));
        match entity {
            Some((character, after)) => {
                decoded.push(character);
                rest = after;
            }
            None => {
                decoded.push('&');
                rest = after;
            }
        }
    }
    decoded.push_str(rest);
    decoded
}

/// The character that `&name;` stands for.
fn entity(name: &str) -> Option<char> {
    match name {
        "amp" => return Some('&'),
        "apos" => return Some('\''),
        "gt" => return Some('>'),
        "lt" => return Some('<'),
        "quot" => return Some('"'),
        _ => {}
    }
    let number = name.strip_prefix('#')?;
    let number = match number.strip_prefix('x') {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => number.parse(),
    };
    char::from_u32(number.ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(error_type: Option<&str>, body: &str) -> (String, String) {
        let error = ServiceError::parse(error_type, body.as_bytes()).unwrap();
        (error.code, error.message)
    }

    #[test]
    fn the_error_of_each_protocol_is_read() {
        let dynamodb = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"no table"}"#;
        assert_eq!(
            read(None, dynamodb),
            ("ResourceNotFoundException".into(), "no table".into())
        );
        let lambda = read(
            Some("TooManyRequestsException:http://x/"),
            r#"{"Message":"Rate exceeded"}"#,
        );
        assert_eq!(
            lambda,
            ("TooManyRequestsException".into(), "Rate exceeded".into())
        );
        let s3 = "<?xml?><Error><Code>NoSuchKey</Code><Message>gone</Message></Error>";
        assert_eq!(read(None, s3), ("NoSuchKey".into(), "gone".into()));
        assert_eq!(ServiceError::parse(None, b"<html>bad gateway</html>"), None);
    }

    #[test]
    fn members_of_any_type_and_in_both_cases_do_not_hide_the_error() {
        let twice = r#"{"__type":"x#Denied","message":"not allowed","Message":"again"}"#;
        assert_eq!(read(None, twice), ("Denied".into(), "not allowed".into()));
        let numeric = r#"{"code":403,"__type":"Denied","message":"not allowed"}"#;
        assert_eq!(read(None, numeric), ("Denied".into(), "not allowed".into()));
        let null = r#"{"__type":null,"code":"Denied","message":["a"],"Message":"not allowed"}"#;
        assert_eq!(read(None, null), ("Denied".into(), "not allowed".into()));
    }

    #[test]
    fn the_code_of_a_body_that_is_cut_is_read() {
        let message = "ü".repeat(MAX_ERROR_BYTES);
        let json = format!(r#"{{"__type":"Denied","message":"{message}"}}"#);
        let xml = format!("<Error><Code>Denied</Code><Message>{message}</Message></Error>");
        for body in [json, xml] {
            // One of the two cuts a character in half.
            for length in [MAX_ERROR_BYTES, MAX_ERROR_BYTES + 1] {
                let cut = &body.as_bytes()[..length];
                let error = ServiceError::parse(None, cut).unwrap();
                assert_eq!(error.code, "Denied");
            }
        }
    }

    #[test]
    fn a_code_loses_its_namespace_and_its_uri() {
        let uri = Some("com.amazon.coral.validate#Invalid:http://internal.amazon.com/#a");
        assert_eq!(read(uri, "{}").0, "Invalid");
        assert_eq!(read(Some("aws.protocols#Invalid"), "{}").0, "Invalid");
    }

    #[test]
    fn entities_of_xml_are_decoded() {
        let xml = "<Code>Bad</Code><Message>&lt;a&gt; &amp;amp; &quot;b&quot; &apos;c&apos; &#233; &#xE9; &x; &</Message>";
        assert_eq!(read(None, xml).1, "<a> &amp; \"b\" 'c' é é &x; &");
    }

    #[test]
    fn a_throttling_code_is_recognised() {
        let error = ServiceError::parse(
            None,
            br#"{"__type":"x#ProvisionedThroughputExceededException"}"#,
        );
        assert!(error.unwrap().is_throttling());
    }
}
