use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::value::RawValue;
use xray_document::{TRACE_HEADER, TraceHeader};
use xray_local_lambda_rules::{FunctionName, MAX_EVENT_BYTES, MAX_PAYLOAD_BYTES};
use xray_local_sandbox::{Invocation, InvokeError, InvokeOutcome};

use super::error::ApiError;
use crate::invoke::Invoke;
use crate::invoke::error_name;

const EXECUTED_VERSION: HeaderName = HeaderName::from_static("x-amz-executed-version");
const FUNCTION_ERROR: HeaderName = HeaderName::from_static("x-amz-function-error");
const LOG_RESULT: HeaderName = HeaderName::from_static("x-amz-log-result");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// How often a throttled asynchronous invocation is tried: with the delays doubling from
/// 100 ms, for nearly two minutes. (Lambda goes on for up to six hours.)
const EVENT_ATTEMPTS: u32 = 11;

/// A call of `Invoke`.
#[derive(Debug)]
pub(super) struct InvokeRequest<'a> {
    /// The function as the caller names it.
    given: &'a str,
    function: FunctionName<'a>,
    kind: InvocationType,
    /// `X-Amz-Log-Type: Tail`
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
        let in_query = parts
            .uri
            .query()
            .unwrap_or_default()
            .split('&')
            .find_map(|pair| pair.strip_prefix("Qualifier="));
        if let (Some(own), Some(in_query)) = (function.qualifier, in_query)
            && own != percent_encoding::percent_decode_str(in_query).decode_utf8_lossy()
        {
            let message = "The derived qualifier from the function name does not match the specified qualifier.";
            return Err(ApiError::bad_request(
                "InvalidParameterValueException",
                message,
            ));
        }
        let kind = InvocationType::read(&parts.headers)?;
        let limit = if kind == InvocationType::Event {
            MAX_EVENT_BYTES
        } else {
            MAX_PAYLOAD_BYTES
        };
        let payload = payload(body, limit).await?;
        let trace_header = parts
            .headers
            .get(TRACE_HEADER)
            .and_then(|value| value.to_str().ok());
        let invocation = Invocation {
            payload,
            trace_header: trace_header.map(TraceHeader::parse),
            client_context: client_context(&parts.headers)?,
        };
        let tail = header_value(&parts.headers, "x-amz-log-type")
            .is_some_and(|log_type| log_type == "Tail");
        Ok(Self {
            given,
            function,
            kind,
            tail,
            invocation,
        })
    }

    pub(super) async fn run(self, invoke: Arc<dyn Invoke>) -> Result<Response, ApiError> {
        if !invoke.has(&self.function) {
            return Err(ApiError::not_found(self.given));
        }
        // Only `$LATEST` exists, so every qualifier runs it.
        let name = self.function.name;
        match self.kind {
            InvocationType::DryRun => Ok(empty(StatusCode::NO_CONTENT)),
            InvocationType::Event => {
                tokio::spawn(run_event(invoke, name.to_owned(), self.invocation));
                Ok(empty(StatusCode::ACCEPTED))
            }
            InvocationType::RequestResponse => {
                let outcome = invoke.invoke(name, self.invocation).await;
                outcome
                    .map(|outcome| invoke_response(outcome, self.tail))
                    .map_err(|error| ApiError::of(&error))
            }
        }
    }
}

/// Runs an asynchronous invocation. What the function returns is lost, and a failed one is
/// not tried again: at a desk, one wants to see the failure rather than its repetitions.
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

/// The event: JSON, and `{}` where there is none, as Lambda has it.
async fn payload(body: Body, limit: usize) -> Result<Bytes, ApiError> {
    let collected = Limited::new(body, limit).collect().await;
    let payload = collected.map_err(|error| {
        if error.is::<LengthLimitError>() {
            return ApiError::too_large(limit);
        }
        ApiError::bad_request(
            "InvalidRequestContentException",
            "the request's body did not arrive whole",
        )
    })?;
    let payload = payload.to_bytes();
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

/// `X-Amz-Client-Context`: JSON in base64.
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
        // It travels on as a header of the Runtime API: one line.
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

fn invalid(member: &str, value: &str, expected: &str) -> ApiError {
    let message = format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must satisfy {expected}"
    );
    ApiError::bad_request("ValidationException", message)
}

fn header_value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
