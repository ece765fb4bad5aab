//! Lambda's Runtime API (Lambda Developer Guide, "Using the Lambda runtime API").

use axum::body::Body;
use axum::extract::{Path, State as Of};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::json;
use xray_document::Timestamp;
use xray_local_lambda_rules::MAX_RESPONSE_BYTES;

use super::body::RequestBody;
use super::context::ApiContext;
use super::response::{accepted, json_response, rejected};
use crate::state::{Rejection, Request, RuntimeResponse, RuntimeState, State};

const ERROR_TYPE: &str = "Lambda-Runtime-Function-Error-Type";
const ERROR_BODY: &str = "Lambda-Runtime-Function-Error-Body";
const XRAY_CAUSE: &str = "Lambda-Runtime-Function-XRay-Error-Cause";

/// Waits for a request without a time limit, because an environment may stay frozen for long.
pub(crate) async fn next(Of(context): Of<ApiContext>) -> Response {
    let called = context
        .state
        .change(|state| state.runtime_next(Timestamp::now()));
    if let Err(rejection) = called {
        return rejected(&rejection);
    }
    let request = loop {
        context
            .state
            .until(|state| (state.runtime == RuntimeState::Invoked).then_some(()))
            .await;
        // Another connection of the runtime may have fetched the request.
        if let Some(request) = context.state.change(State::runtime_fetch) {
            break request;
        }
    };
    next_response(&request)
}

fn next_response(request: &Request) -> Response {
    let mut response = json_response(200, request.payload.clone());
    let deadline = request.deadline_ms.to_string();
    let headers = [
        ("Lambda-Runtime-Aws-Request-Id", Some(&request.id)),
        ("Lambda-Runtime-Deadline-Ms", Some(&deadline)),
        ("Lambda-Runtime-Invoked-Function-Arn", Some(&request.arn)),
        ("Lambda-Runtime-Trace-Id", Some(&request.trace_header)),
        (
            "Lambda-Runtime-Client-Context",
            request.client_context.as_ref(),
        ),
    ];
    for (name, value) in headers {
        let value = value.filter(|value| !value.is_empty());
        if let Some(value) = value.and_then(|value| HeaderValue::from_bytes(value.as_bytes()).ok())
        {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

pub(crate) async fn response(
    Of(context): Of<ApiContext>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let first_byte = Timestamp::now();
    let body = match read_response(&context, &id, body).await {
        Ok(body) => body,
        Err(rejection) => return rejected(&rejection),
    };
    let is_too_large = body.is_too_large();
    let (payload, error_type) = if is_too_large {
        response_too_large()
    } else {
        payload_and_error(body, &headers)
    };
    let response = RuntimeResponse {
        payload,
        error_type,
        xray_cause: None,
        first_byte,
        complete: Timestamp::now(),
    };
    accept(&context, &id, response, is_too_large)
}

pub(crate) async fn error(
    Of(context): Of<ApiContext>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let first_byte = Timestamp::now();
    let body = match read_response(&context, &id, body).await {
        Ok(body) => body,
        Err(rejection) => return rejected(&rejection),
    };
    let is_too_large = body.is_too_large();
    let (payload, error_type) = if is_too_large {
        response_too_large()
    } else {
        let error_type = text(&headers, ERROR_TYPE).unwrap_or("Runtime.Unknown");
        let payload = error_payload(body.bytes.freeze(), error_type);
        (payload, Some(error_type.to_owned()))
    };
    let response = RuntimeResponse {
        payload,
        error_type,
        xray_cause: text(&headers, XRAY_CAUSE).map(str::to_owned),
        first_byte,
        complete: Timestamp::now(),
    };
    accept(&context, &id, response, is_too_large)
}

/// Reads the body of a response or an error, if the runtime may send one now.
async fn read_response(
    context: &ApiContext,
    id: &str,
    body: Body,
) -> Result<RequestBody, Rejection> {
    context.state.borrow().check_may_respond(id)?;
    RequestBody::read(body, MAX_RESPONSE_BYTES)
        .await
        .map_err(incomplete_body)
}

/// Stores the response for the invocation. Returns the response to the runtime's own call.
fn accept(
    context: &ApiContext,
    id: &str,
    response: RuntimeResponse,
    is_too_large: bool,
) -> Response {
    let stored = context
        .state
        .change(|state| state.runtime_responded(id, response));
    match stored {
        Err(rejection) => rejected(&rejection),
        Ok(()) if is_too_large => rejected(&request_too_large()),
        Ok(()) => accepted(),
    }
}

/// The payload and the error type that replace a response or an error over the limit.
fn response_too_large() -> (Bytes, Option<String>) {
    let message = format!(
        "Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE_BYTES} bytes)."
    );
    let error_type = "Function.ResponseSizeTooLarge";
    (
        json!({"errorType": error_type, "errorMessage": message})
            .to_string()
            .into(),
        Some(error_type.to_owned()),
    )
}

fn request_too_large() -> Rejection {
    Rejection::new(
        413,
        "RequestEntityTooLarge",
        format!("Exceeded maximum allowed payload size ({MAX_RESPONSE_BYTES} bytes)."),
    )
}

/// The invocation continues: the runtime may send its response again.
fn incomplete_body(message: String) -> Rejection {
    Rejection::new(400, "InvalidRequestBody", message)
}

pub(crate) async fn init_error(
    Of(context): Of<ApiContext>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let body = match RequestBody::read(body, MAX_RESPONSE_BYTES).await {
        Ok(body) => body,
        Err(message) => return rejected(&incomplete_body(message)),
    };
    let error_type = text(&headers, ERROR_TYPE)
        .unwrap_or("Runtime.Unknown")
        .to_owned();
    let is_too_large = body.is_too_large();
    // The error's type is in a header, so it is known even if the body is too large.
    let description = if is_too_large {
        Bytes::new()
    } else {
        body.bytes.freeze()
    };
    let payload = error_payload(description, &error_type);
    let recorded = context
        .state
        .change(|state| state.runtime_init_error(error_type, payload));
    match recorded {
        Ok(()) if is_too_large => rejected(&request_too_large()),
        Ok(()) => accepted(),
        Err(rejection) => rejected(&rejection),
    }
}

/// The caller receives at least the error's type.
fn error_payload(payload: Bytes, error_type: &str) -> Bytes {
    if payload.is_empty() {
        json!({ "errorType": error_type }).to_string().into()
    } else {
        payload
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .filter(|value| !value.is_empty())
}

/// Payload and error type of a response. A streamed response may report an error in its
/// trailers (Lambda Developer Guide, "Building a custom runtime", response streaming).
fn payload_and_error(body: RequestBody, headers: &HeaderMap) -> (Bytes, Option<String>) {
    let is_streamed = text(headers, "Lambda-Runtime-Function-Response-Mode")
        .is_some_and(|mode| mode.eq_ignore_ascii_case("streaming"));
    let error_type = text(&body.trailers, ERROR_TYPE).filter(|_| is_streamed);
    let Some(error_type) = error_type else {
        return (body.bytes.freeze(), None);
    };
    let description = text(&body.trailers, ERROR_BODY).and_then(|text| STANDARD.decode(text).ok());
    (
        error_payload(description.unwrap_or_default().into(), error_type),
        Some(error_type.to_owned()),
    )
}
