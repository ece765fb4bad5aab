//! One request and its response.

use std::slice;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::{HeaderName, HeaderValue};
use xray_document::{Timestamp, TraceHeader};
use xray_local_listener::{BodyError, BodyReader};
use xray_local_sandbox::Invocation;

use super::api::ApiKind;
use super::event;
use super::gateway::ApiGateway;
use super::gateway_response::GatewayResponse;
use super::integration::Integration;
use super::proxy_response::ProxyResponse;
use super::proxy_result;
use super::request::ReceivedRequest;
use super::routing::RouteMatch;
use super::segment::StageSegment;
use super::trace_header::{X_AMZN_TRACE_ID, response_trace_header};
use crate::access::Access;

/// Bytes of a request body (API Gateway quotas, payload size: 10 MB).
const MAX_API_REQUEST_BYTES: usize = 10 * 1024 * 1024;

/// Bytes of an `errorType` in the access log; a longer one is left out.
const MAX_ERROR_TYPE_BYTES: usize = 100;

/// Finds the request's route, invokes its function, logs the request and responds.
pub(super) async fn handle(apis: &[ApiGateway], request: Request) -> Response {
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    let reader = BodyReader::of(&parts.extensions);
    let mut request = ReceivedRequest::new(parts, Timestamp::now());
    let matched = apis.iter().find_map(|api| {
        let matched = api.routes.find(&request.method, &request.path)?;
        Some((api, matched))
    });
    let asked = matched
        .as_ref()
        .map_or(apis, |(api, _)| slice::from_ref(*api));
    let preflight = asked.iter().find_map(|api| {
        let answer = api.answer_preflight(&request)?;
        Some((api, answer))
    });
    let (api, function, outcome) = match (preflight, &matched) {
        (Some((api, answer)), _) => (Some(api), None, answer.into()),
        (None, Some((api, matched))) => {
            let outcome = integrate(api, matched, &mut request, (reader, body)).await;
            (Some(*api), Some(matched.route.function()), outcome)
        }
        (None, None) => (apis.first(), None, no_route(apis, &request).into()),
    };
    if let Some(api) = api {
        let entry = log_entry(&request, function, &outcome, started.elapsed());
        api.access.access(&entry);
    }
    respond(kind(api), request, outcome)
}

fn kind(api: Option<&ApiGateway>) -> ApiKind {
    api.map_or(ApiKind::Rest, |api| api.stage.kind)
}

/// The response, with more data for the log and the gateway's headers.
struct Outcome {
    response: ProxyResponse,
    /// The reason for a gateway response.
    note: Option<String>,
    /// The trace header of the invocation; `None` if no function was called.
    trace_header: Option<TraceHeader>,
}

impl From<GatewayResponse> for Outcome {
    /// The outcome of a request that reached no function.
    fn from(gateway: GatewayResponse) -> Self {
        Self {
            response: gateway.response,
            note: Some(gateway.note),
            trace_header: None,
        }
    }
}

/// The first API's response to a request that no API has a route for.
fn no_route(apis: &[ApiGateway], request: &ReceivedRequest) -> GatewayResponse {
    let lists = apis.iter().map(|api| api.routes.list());
    let routes: Vec<String> = lists.filter(|list| !list.is_empty()).collect();
    let method = request.method.as_str();
    GatewayResponse::no_route(
        kind(apis.first()),
        method,
        &request.path,
        &routes.join(", "),
    )
}

/// Invokes the route's function and records the stage's segment.
async fn integrate(
    api: &ApiGateway,
    matched: &RouteMatch<'_>,
    request: &mut ReceivedRequest,
    (reader, body): (BodyReader, Body),
) -> Outcome {
    let kind = api.stage.kind;
    match reader.read(body, MAX_API_REQUEST_BYTES).await {
        Ok(body) => request.body = body,
        Err(BodyError::TooLarge) => {
            return GatewayResponse::request_too_large(kind, MAX_API_REQUEST_BYTES).into();
        }
        Err(BodyError::Incomplete(_)) => return GatewayResponse::incomplete_body().into(),
        Err(error @ BodyError::NoMemory) => {
            return GatewayResponse::no_memory(error.to_string()).into();
        }
    }
    let function = matched.route.function();
    let payload = event::payload(&api.stage, matched, request);
    let mut segment = StageSegment::begin(&api.stage, request, function);
    let trace_header = match &segment {
        Some(segment) => segment.invocation_header(&request.trace),
        None => request.trace.clone(),
    };
    let invocation = Invocation {
        payload,
        trace_header: Some(trace_header.clone()),
        client_context: None,
    };
    let integration = Integration::call(
        api.invoke.clone(),
        function.to_owned(),
        invocation,
        api.integration_timeout,
    )
    .await;
    if let Some(segment) = &mut segment {
        segment.end_call(&integration);
    }
    let (mut response, note) = read_integration(api, matched, &integration);
    if note.is_none() {
        api.set_cors_headers(request, &mut response.headers);
    }
    if let Some(segment) = segment {
        let document = segment.finish(response.status, response.body.len());
        api.segments.put(vec![document]);
    }
    let trace_header = match integration {
        Integration::Completed(outcome) => outcome.trace_header,
        Integration::Rejected(_) | Integration::TimedOut | Integration::Panicked => trace_header,
    };
    Outcome {
        response,
        note,
        trace_header: Some(trace_header),
    }
}

/// The response after a call of the function. If it is a gateway response, it has a note for
/// the log.
fn read_integration(
    api: &ApiGateway,
    matched: &RouteMatch<'_>,
    integration: &Integration,
) -> (ProxyResponse, Option<String>) {
    let kind = api.stage.kind;
    let function = matched.route.function();
    let gateway = match integration {
        Integration::Completed(outcome) if outcome.function_error.is_some() => {
            let error_type = error_type(&outcome.payload);
            GatewayResponse::bad_result(kind, format!("{function} failed: {error_type}"))
        }
        Integration::Completed(outcome) => {
            match proxy_result::read(&outcome.payload, kind, matched.route.format) {
                Ok(response) => return (response, None),
                Err(reason) => {
                    let note = format!("malformed proxy result of {function}: {reason}");
                    GatewayResponse::bad_result(kind, note)
                }
            }
        }
        Integration::Rejected(error) => GatewayResponse::rejected(kind, function, error),
        Integration::TimedOut => {
            GatewayResponse::timed_out(kind, api.integration_timeout.as_secs())
        }
        Integration::Panicked => GatewayResponse::panicked(kind),
    };
    (gateway.response, Some(gateway.note))
}

/// The type of a function's error. Its message is not logged, because it may hold secrets.
fn error_type(payload: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct FunctionError {
        #[serde(rename = "errorType")]
        error_type: Option<String>,
    }
    let error: Option<FunctionError> = serde_json::from_slice(payload).ok();
    // A type's name has no spaces in any language. A text that has some is a message.
    let name = error.and_then(|error| error.error_type).filter(|name| {
        (1..=MAX_ERROR_TYPE_BYTES).contains(&name.len())
            && !name.contains(|c: char| c.is_whitespace() || c.is_control())
    });
    name.unwrap_or_else(|| "an error without an errorType".to_owned())
}

fn log_entry(
    request: &ReceivedRequest,
    function: Option<&str>,
    outcome: &Outcome,
    duration: Duration,
) -> Access {
    Access {
        time: request.at,
        source_ip: request.source_ip,
        method: request.method.to_string(),
        path: request.path.clone(),
        protocol: request.protocol,
        status: outcome.response.status.as_u16(),
        response_bytes: outcome.response.body.len(),
        duration,
        function: function.map(str::to_owned),
        trace_id: outcome.trace_header.as_ref().and_then(|header| header.root),
        note: outcome.note.clone(),
    }
}

/// The response with the gateway's own headers.
fn respond(kind: ApiKind, request: ReceivedRequest, outcome: Outcome) -> Response {
    let ids = match kind {
        ApiKind::Rest => vec![
            ("x-amzn-requestid", request.request_id),
            ("x-amz-apigw-id", request.extended_request_id),
        ],
        ApiKind::Http => vec![("apigw-requestid", request.extended_request_id)],
    };
    let ids = ids.into_iter();
    let ids = ids.map(|(name, id)| (HeaderName::from_static(name), id));
    let trace = outcome.trace_header.as_ref();
    let trace = trace.map(|header| (X_AMZN_TRACE_ID, response_trace_header(header)));
    let mut response = outcome.response;
    for (name, value) in ids.chain(trace) {
        // Never an error: ids and trace headers have ASCII letters, digits and punctuation.
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers.insert(name, value);
        }
    }
    response.into_http()
}
