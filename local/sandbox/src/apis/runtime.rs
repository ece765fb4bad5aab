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
use xray_local_lambda_rules::MAX_PAYLOAD_BYTES;

use super::body::RequestBody;
use super::context::ApiContext;
use super::response::{accepted, json_response, rejected};
use crate::state::{Rejection, Request, RuntimeResponse, RuntimeState, State};

const ERROR_TYPE: &str = "Lambda-Runtime-Function-Error-Type";
const ERROR_BODY: &str = "Lambda-Runtime-Function-Error-Body";
const XRAY_CAUSE: &str = "Lambda-Runtime-Function-XRay-Error-Cause";

/// Waits for a request however long it takes: across freezes, too.
pub(crate) async fn next(Of(context): Of<ApiContext>) -> Response {
    if let Err(rejection) = context
        .state
        .change(|state| state.runtime_next(Timestamp::now()))
    {
        return rejected(&rejection);
    }
    let request = loop {
        context
            .state
            .until(|state| (state.runtime == RuntimeState::Invoked).then_some(()))
            .await;
        // Another connection of the runtime may have been faster.
        if let Some(request) = context.state.change(State::runtime_fetch) {
            break request;
        }
    };
    invocation_response(&request)
}

fn invocation_response(request: &Request) -> Response {
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
    if let Err(rejection) = context.state.borrow().may_respond(&id) {
        return rejected(&rejection);
    }
    let read = match RequestBody::read(body, MAX_PAYLOAD_BYTES).await {
        Ok(read) => read,
        Err(message) => return rejected(&broken(message)),
    };
    let too_large = read.is_too_large();
    let (payload, error_type) = if too_large {
        response_too_large()
    } else {
        outcome(read, &headers)
    };
    let response = RuntimeResponse {
        payload,
        error_type,
        xray_cause: None,
        first_byte,
        complete: Timestamp::now(),
    };
    finish(&context, &id, response, too_large)
}

pub(crate) async fn error(
    Of(context): Of<ApiContext>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let first_byte = Timestamp::now();
    if let Err(rejection) = context.state.borrow().may_respond(&id) {
        return rejected(&rejection);
    }
    let read = match RequestBody::read(body, MAX_PAYLOAD_BYTES).await {
        Ok(read) => read,
        Err(message) => return rejected(&broken(message)),
    };
    let too_large = read.is_too_large();
    let (payload, error_type) = if too_large {
        response_too_large()
    } else {
        let error_type = text(&headers, ERROR_TYPE).unwrap_or("Runtime.Unknown");
        let payload = described(read.bytes.freeze(), error_type);
        (payload, Some(error_type.to_owned()))
    };
    let response = RuntimeResponse {
        payload,
        error_type,
        xray_cause: text(&headers, XRAY_CAUSE).map(str::to_owned),
        first_byte,
        complete: Timestamp::now(),
    };
    finish(&context, &id, response, too_large)
}

/// Hands the answer on, and tells the runtime what became of it.
fn finish(context: &ApiContext, id: &str, response: RuntimeResponse, too_large: bool) -> Response {
    match context
        .state
        .change(|state| state.runtime_responded(id, response))
    {
        Err(rejection) => rejected(&rejection),
        Ok(()) if too_large => rejected(&too_large_for_runtime()),
        Ok(()) => accepted(),
    }
}

/// What the caller gets in place of an answer or an error over the limit.
fn response_too_large() -> (Bytes, Option<String>) {
    let message = format!(
        "Response payload size exceeded maximum allowed payload size ({MAX_PAYLOAD_BYTES} bytes)."
    );
    let kind = "Function.ResponseSizeTooLarge";
    (
        json!({"errorType": kind, "errorMessage": message})
            .to_string()
            .into(),
        Some(kind.to_owned()),
    )
}

fn too_large_for_runtime() -> Rejection {
    Rejection::new(
        413,
        "RequestEntityTooLarge",
        format!("Exceeded maximum allowed payload size ({MAX_PAYLOAD_BYTES} bytes)."),
    )
}

/// A stream that broke off: nothing was answered, and the runtime may end or try again.
fn broken(message: String) -> Rejection {
    Rejection::new(400, "InvalidRequestBody", message)
}

pub(crate) async fn init_error(
    Of(context): Of<ApiContext>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let read = match RequestBody::read(body, MAX_PAYLOAD_BYTES).await {
        Ok(read) => read,
        Err(message) => return rejected(&broken(message)),
    };
    let error_type = text(&headers, ERROR_TYPE)
        .unwrap_or("Runtime.Unknown")
        .to_owned();
    let too_large = read.is_too_large();
    // Its type is known even where its body is not to be had.
    let body = if too_large {
        Bytes::new()
    } else {
        read.bytes.freeze()
    };
    let payload = described(body, &error_type);
    match context
        .state
        .change(|state| state.runtime_init_error(error_type, payload))
    {
        Ok(()) if too_large => rejected(&too_large_for_runtime()),
        Ok(()) => accepted(),
        Err(rejection) => rejected(&rejection),
    }
}

/// An error always has a body for the caller.
fn described(payload: Bytes, error_type: &str) -> Bytes {
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

/// A streaming response may end in an error, told in trailers.
fn outcome(read: RequestBody, headers: &HeaderMap) -> (Bytes, Option<String>) {
    let streaming = text(headers, "Lambda-Runtime-Function-Response-Mode")
        .is_some_and(|mode| mode.eq_ignore_ascii_case("streaming"));
    let error_type = text(&read.trailers, ERROR_TYPE).filter(|_| streaming);
    let Some(error_type) = error_type else {
        return (read.bytes.freeze(), None);
    };
    let body = text(&read.trailers, ERROR_BODY).and_then(|body| STANDARD.decode(body).ok());
    (
        described(body.unwrap_or_default().into(), error_type),
        Some(error_type.to_owned()),
    )
}
