//! Lambda's Runtime API (Lambda Developer Guide, "Using the Lambda runtime API").

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State as Of};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use serde_json::json;
use xray_document::Timestamp;

use crate::api::{accepted, answer, read_small, refuse};
use crate::environment::{Answer, Refusal, Request, Runtime, Shared, State};

/// Bytes of a request or a response: 6 MB and 100 bytes (Lambda quotas, "Invocation
/// payload", and the number in the service's own error message).
pub(crate) const MAX_PAYLOAD_BYTES: usize = 6_291_556;

const ERROR_TYPE: &str = "Lambda-Runtime-Function-Error-Type";
const ERROR_BODY: &str = "Lambda-Runtime-Function-Error-Body";
const XRAY_CAUSE: &str = "Lambda-Runtime-Function-XRay-Error-Cause";

/// Waits for a request however long it takes: across freezes, too.
pub(crate) async fn next(Of(shared): Of<Arc<Shared>>) -> Response {
    if let Err(refusal) = shared.change(|state| state.runtime_next(Timestamp::now())) {
        return refuse(&refusal);
    }
    let request = loop {
        shared
            .until(|state| (state.runtime == Runtime::Invoked).then_some(()))
            .await;
        // Another connection of the runtime may have been faster.
        if let Some(request) = shared.change(State::runtime_fetch) {
            break request;
        }
    };
    event(&request)
}

fn event(request: &Request) -> Response {
    let mut response = answer(200, request.payload.clone());
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
    Of(shared): Of<Arc<Shared>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let first_byte = Timestamp::now();
    if let Err(refusal) = shared.state.borrow().may_answer(&id) {
        return refuse(&refusal);
    }
    let read = match Payload::read(body).await {
        Ok(read) => read,
        // A stream that broke off: nothing was answered, and the runtime may end or try again.
        Err(message) => return refuse(&Refusal::new(400, "InvalidRequestBody", message)),
    };
    let too_large = read.total > MAX_PAYLOAD_BYTES;
    let (payload, error_type) = if too_large {
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
    } else {
        read.outcome(&headers)
    };
    let answered = Answer {
        payload,
        error_type,
        xray_cause: None,
        first_byte,
        complete: Timestamp::now(),
    };
    match shared.answered(&id, answered) {
        Err(refusal) => refuse(&refusal),
        Ok(()) if too_large => refuse(&Refusal::new(
            413,
            "RequestEntityTooLarge",
            format!("Exceeded maximum allowed payload size ({MAX_PAYLOAD_BYTES} bytes)."),
        )),
        Ok(()) => accepted(),
    }
}

pub(crate) async fn error(
    Of(shared): Of<Arc<Shared>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let first_byte = Timestamp::now();
    let payload = match read_small(body).await {
        Ok(payload) => payload,
        Err(message) => return refuse(&Refusal::new(413, "RequestEntityTooLarge", message)),
    };
    let error_type = text(&headers, ERROR_TYPE).unwrap_or("Runtime.Unknown");
    let answered = Answer {
        payload: described(payload, error_type),
        error_type: Some(error_type.to_owned()),
        xray_cause: text(&headers, XRAY_CAUSE).map(str::to_owned),
        first_byte,
        complete: Timestamp::now(),
    };
    match shared.answered(&id, answered) {
        Ok(()) => accepted(),
        Err(refusal) => refuse(&refusal),
    }
}

pub(crate) async fn init_error(
    Of(shared): Of<Arc<Shared>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let payload = match read_small(body).await {
        Ok(payload) => payload,
        Err(message) => return refuse(&Refusal::new(413, "RequestEntityTooLarge", message)),
    };
    let error_type = text(&headers, ERROR_TYPE)
        .unwrap_or("Runtime.Unknown")
        .to_owned();
    let payload = described(payload, &error_type);
    match shared.change(|state| state.runtime_init_error(error_type, payload)) {
        Ok(()) => accepted(),
        Err(refusal) => refuse(&refusal),
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

/// A response body, whole or streamed.
struct Payload {
    bytes: BytesMut,
    /// Also of what was over the limit and not kept.
    total: usize,
    trailers: HeaderMap,
}

impl Payload {
    /// Reads to the end even what is too large, so that the runtime gets to read the answer.
    async fn read(mut body: Body) -> Result<Self, String> {
        let mut read = Self {
            bytes: BytesMut::new(),
            total: 0,
            trailers: HeaderMap::new(),
        };
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| format!("the response broke off: {error}"))?;
            match frame.into_data() {
                Ok(data) => {
                    read.total += data.len();
                    if read.total <= MAX_PAYLOAD_BYTES {
                        read.bytes.extend_from_slice(&data);
                    }
                }
                Err(frame) => {
                    if let Ok(trailers) = frame.into_trailers() {
                        read.trailers = trailers;
                    }
                }
            }
        }
        Ok(read)
    }

    /// A streaming response may end in an error, told in trailers.
    fn outcome(self, headers: &HeaderMap) -> (Bytes, Option<String>) {
        let streaming = text(headers, "Lambda-Runtime-Function-Response-Mode")
            .is_some_and(|mode| mode.eq_ignore_ascii_case("streaming"));
        let error_type = text(&self.trailers, ERROR_TYPE).filter(|_| streaming);
        let Some(error_type) = error_type else {
            return (self.bytes.freeze(), None);
        };
        let body = text(&self.trailers, ERROR_BODY).and_then(|body| STANDARD.decode(body).ok());
        (
            described(body.unwrap_or_default().into(), error_type),
            Some(error_type.to_owned()),
        )
    }
}
