use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::value::RawValue;
use xray_document::{TRACE_HEADER, TraceHeader};
use xray_local_lambda_rules::{
    FunctionName, MAX_ASYNC_REQUEST_BYTES, MAX_REQUEST_BYTES, QualifierError,
};
use xray_local_listener::{BodyError, BodyReader};
use xray_local_sandbox::{Invocation, InvokeError, InvokeOutcome};

use super::EventQueue;
use super::error::ApiError;
use crate::invoke::Invoke;
use crate::invoke::error_name;

const EXECUTED_VERSION: HeaderName = HeaderName::from_static("x-amz-executed-version");
const FUNCTION_ERROR: HeaderName = HeaderName::from_static("x-amz-function-error");
const LOG_RESULT: HeaderName = HeaderName::from_static("x-amz-log-result");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// Attempts to run a throttled asynchronous invocation. The delay between them doubles from
/// 100 ms, so the last attempt is 102 s after the first. Lambda tries for up to six hours
/// (Lambda Developer Guide, "Error handling for asynchronous invocations").
const EVENT_ATTEMPTS: u32 = 11;

/// A request to `Invoke`.
#[derive(Debug)]
pub(super) struct InvokeRequest<'a> {
    /// The name or ARN that the caller gave.
    given: &'a str,
    /// Without the qualifier of the query, which matches every function.
    function: FunctionName<'a>,
    /// The name to invoke, with the qualifier.
    qualified_name: String,
    kind: InvocationType,
    /// `X-Amz-Log-Type: Tail`: the caller wants the end of the log.
    tail: bool,
    invocation: Invocation,
}

/// `X-Amz-Invocation-Type`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InvocationType {
    RequestResponse,
    Event,
    DryRun,
}

impl<'a> InvokeRequest<'a> {
    pub(super) async fn read(given: &'a str, request: Request) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let function = FunctionName::parse(given)
            .ok_or_else(|| invalid("functionName", given, "a name or an ARN"))?;
        let qualified_name = qualified_name(function, parts.uri.query().unwrap_or_default())?;
        let kind = InvocationType::read(&parts.headers)?;
        let limit = if kind == InvocationType::Event {
            MAX_ASYNC_REQUEST_BYTES
        } else {
            MAX_REQUEST_BYTES
        };
        let reader = BodyReader::of(&parts.extensions);
        let payload = payload(&reader, body, limit).await?;
        let trace_header = parts
            .headers
            .get(TRACE_HEADER)
            .and_then(|value| value.to_str().ok());
        let invocation = Invocation {
            payload,
            trace_header: trace_header.map(TraceHeader::parse),
            client_context: client_context(&parts.headers)?,
        };
        let tail = header_value(&parts.headers, "x-amz-log-type") == Some("Tail");
        Ok(Self {
            given,
            function,
            qualified_name,
            kind,
            tail,
            invocation,
        })
    }

    pub(super) async fn run(
        self,
        invoke: Arc<dyn Invoke>,
        queue: EventQueue,
    ) -> Result<Response, ApiError> {
        if !invoke.has(&self.function) {
            return Err(ApiError::not_found(self.given));
        }
        let name = self.qualified_name;
        match self.kind {
            InvocationType::DryRun => Ok(empty(StatusCode::NO_CONTENT)),
            InvocationType::Event => {
                let place = queue.try_acquire_owned();
                let place = place.map_err(|_| ApiError::too_many_events())?;
                tokio::spawn(async move {
                    run_event(invoke, name, self.invocation).await;
                    drop(place);
                });
                Ok(empty(StatusCode::ACCEPTED))
            }
            InvocationType::RequestResponse => {
                let outcome = invoke.invoke(&name, self.invocation).await;
                outcome
                    .map(|outcome| invoke_response(outcome, self.tail))
                    .map_err(|error| ApiError::from_invoke_error(&error))
            }
        }
    }
}

/// The name to invoke, with the qualifier of the name or of the query.
fn qualified_name(function: FunctionName<'_>, query: &str) -> Result<String, ApiError> {
    let mut pairs = query.split('&');
    let Some(in_query) = pairs.find_map(|pair| pair.strip_prefix("Qualifier=")) else {
        return Ok(function.qualified_name());
    };
    let qualifier = percent_encoding::percent_decode_str(in_query).decode_utf8_lossy();
    match function.with_qualifier(&qualifier) {
        Ok(function) => Ok(function.qualified_name()),
        Err(QualifierError::Malformed) => {
            let expected = "a version, an alias or $LATEST";
            Err(invalid("qualifier", &qualifier, expected))
        }
        Err(QualifierError::Contradiction) => Err(ApiError::bad_request(
            "InvalidParameterValueException",
            "The derived qualifier from the function name does not match the specified qualifier.",
        )),
    }
}

/// Runs an asynchronous invocation and discards its result. A failed one is not tried again,
/// so that a developer sees one failure and not three.
async fn run_event(invoke: Arc<dyn Invoke>, function: String, invocation: Invocation) {
    for attempt in 0..EVENT_ATTEMPTS {
        match invoke.invoke(&function, invocation.clone()).await {
            Err(InvokeError::TooManyRequests(_)) => {}
            _ => return,
        }
        tokio::time::sleep(Duration::from_millis(100) * 2_u32.pow(attempt)).await;
    }
}

fn invoke_response(outcome: InvokeOutcome, tail: bool) -> Response {
    let mut response = Response::new(Body::from(outcome.payload));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(EXECUTED_VERSION, HeaderValue::from_static("$LATEST"));
    if let Some(error) = outcome.function_error {
        headers.insert(FUNCTION_ERROR, HeaderValue::from_static(error_name(error)));
    }
    let log = tail.then(|| (LOG_RESULT, BASE64_STANDARD.encode(&outcome.log_tail)));
    let ids = [
        (REQUEST_ID, outcome.request_id),
        (TRACE_ID, outcome.trace_header.to_string()),
    ];
    for (name, value) in ids.into_iter().chain(log) {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    response
}

fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// Reads the event, which must be JSON. The default is `{}`, as in Lambda.
async fn payload(reader: &BodyReader, body: Body, limit: usize) -> Result<Bytes, ApiError> {
    let payload = reader.read(body, limit).await;
    let payload = payload.map_err(|error| match error {
        BodyError::TooLarge => ApiError::too_large(limit),
        BodyError::NoMemory => ApiError::no_memory(error.to_string()),
        BodyError::Incomplete(_) => ApiError::bad_request(
            "InvalidRequestContentException",
            "the request body did not arrive completely",
        ),
    })?;
    if payload.is_empty() {
        return Ok(Bytes::from_static(b"{}"));
    }
    match serde_json::from_slice::<&RawValue>(&payload) {
        Ok(_) => Ok(payload),
        Err(error) => {
            let message = format!("Could not parse request body into json: {error}");
            Err(ApiError::bad_request(
                "InvalidRequestContentException",
                message,
            ))
        }
    }
}

/// Reads `X-Amz-Client-Context`: JSON in base64.
fn client_context(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(encoded) =
        header_value(headers, "x-amz-client-context").filter(|encoded| !encoded.is_empty())
    else {
        return Ok(None);
    };
    let json = BASE64_STANDARD
        .decode(encoded)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    match json.filter(|json| serde_json::from_str::<&RawValue>(json).is_ok()) {
        // The Runtime API has it as a header, which must be one line.
        Some(json) => Ok(Some(json.replace(['\r', '\n'], " "))),
        None => {
            let message = "Client context must be a valid Base64-encoded JSON object.";
            Err(ApiError::bad_request(
                "InvalidRequestContentException",
                message,
            ))
        }
    }
}

impl InvocationType {
    fn read(headers: &HeaderMap) -> Result<Self, ApiError> {
        match header_value(headers, "x-amz-invocation-type") {
            None | Some("" | "RequestResponse") => Ok(Self::RequestResponse),
            Some("Event") => Ok(Self::Event),
            Some("DryRun") => Ok(Self::DryRun),
            Some(other) => Err(invalid(
                "invocationType",
                other,
                "enum value set: [Event, RequestResponse, DryRun]",
            )),
        }
    }
}

/// Lambda's error for a parameter with an invalid value.
fn invalid(member: &str, value: &str, expected: &str) -> ApiError {
    let message = format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must satisfy {expected}"
    );
    ApiError::bad_request("ValidationException", message)
}

fn header_value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
