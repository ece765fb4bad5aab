use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use serde::Deserialize;

/// Maximum bytes read of an error's body; services send far less.
const MAX_ERROR_BYTES: usize = 16 * 1024;

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
        #[derive(Deserialize, Default)]
        struct Json {
            #[serde(rename = "__type")]
            kind: Option<String>,
            code: Option<String>,
            #[serde(alias = "Message")]
            message: Option<String>,
        }

        let text = std::str::from_utf8(body).unwrap_or_default();
        let json: Json = serde_json::from_str(text).unwrap_or_default();
        let code = error_type.map(str::to_owned).or(json.kind).or(json.code);
        let code = code.as_deref().or_else(|| xml_element(text, "Code"))?;
        // `namespace#Code:uri`
        let code = code
            .rsplit('#')
            .next()
            .and_then(|code| code.split(':').next())?;
        let message = json
            .message
            .as_deref()
            .or_else(|| xml_element(text, "Message"));
        Some(Self {
            code: code.to_owned(),
            message: message.unwrap_or_default().to_owned(),
        })
    }

    pub(super) fn is_throttling(&self) -> bool {
        THROTTLING_CODES.contains(&self.code.as_str())
    }
}

/// The text of the first XML element with this name.
fn xml_element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>"))
        .map(|(content, _)| content)
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
    fn a_throttling_code_counts_at_any_status() {
        let error = ServiceError::parse(
            None,
            br#"{"__type":"x#ProvisionedThroughputExceededException"}"#,
        );
        assert!(error.unwrap().is_throttling());
    }
}
