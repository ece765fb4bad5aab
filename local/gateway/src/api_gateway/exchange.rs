use std::time::Instant;

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use xray_document::{Timestamp, TraceHeader};
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

/// Bytes of a request's body (API Gateway quotas, payload size: 10 MB).
const MAX_REQUEST_BYTES: usize = 10 * 1024 * 1024;

/// Bytes of an `errorType` that the log shows.
const MAX_ERROR_TYPE: usize = 100;

/// One request and its response.
pub(super) struct Exchange<'a> {
    api: Option<&'a ApiGateway>,
    matched: Option<RouteMatch<'a>>,
    routes: String,
    request: ReceivedRequest,
    body: Body,
    started: Instant,
}

/// What is known once there is a response.
struct Outcome {
    response: ProxyResponse,
    note: Option<String>,
    /// The header under which the function ran.
    trace_header: Option<TraceHeader>,
}

impl<'a> Exchange<'a> {
    /// Chooses the API and the route.
    pub(super) fn new(apis: &'a [ApiGateway], request: Request) -> Self {
        let started = Instant::now();
        let (parts, body) = request.into_parts();
        let request = ReceivedRequest::new(parts, Timestamp::now());
        let chosen = apis
            .iter()
            .find_map(|api| Some((api, api.routes.find(&request.method, &request.path)?)));
        let (api, matched) = match chosen {
            Some((api, matched)) => (Some(api), Some(matched)),
            None => (apis.first(), None),
        };
        let listings = || {
            apis.iter()
                .map(|api| api.routes.listing())
                .filter(|listing| !listing.is_empty())
        };
        let routes = if matched.is_none() {
            listings().collect::<Vec<_>>().join(", ")
        } else {
            String::new()
        };
        Self {
            api,
            matched,
            routes,
            request,
            body,
            started,
        }
    }

    pub(super) async fn run(mut self) -> Response {
        let kind = self.api.map_or(ApiKind::Rest, |api| api.stage.kind);
        let outcome = match (self.api, self.matched.take()) {
            (Some(api), Some(matched)) => {
                let outcome = self.integrate(api, &matched).await;
                self.matched = Some(matched);
                outcome
            }
            _ => {
                let method = self.request.method.as_str();
                Outcome::of(GatewayResponse::no_route(
                    kind,
                    method,
                    &self.request.path,
                    &self.routes,
                ))
            }
        };
        self.log(&outcome);
        self.respond(kind, outcome)
    }

    async fn integrate(&mut self, api: &ApiGateway, matched: &RouteMatch<'_>) -> Outcome {
        let kind = api.stage.kind;
        match self.read_body().await {
            Ok(body) => self.request.body = body,
            Err(error) if error.is::<LengthLimitError>() => {
                return Outcome::of(GatewayResponse::request_too_large(kind, MAX_REQUEST_BYTES));
            }
            Err(_) => return Outcome::of(GatewayResponse::incomplete_body()),
        }
        let request = &self.request;
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
        let call = Integration::call(
            api.invoke.clone(),
            function.to_owned(),
            invocation,
            api.integration_timeout,
        );
        let integration = call.await;
        if let Some(segment) = &mut segment {
            segment.integration_ended(&integration);
        }
        let (response, note) = read(api, matched, &integration);
        if let Some(segment) = segment {
            api.segments
                .put(vec![segment.finish(response.status, response.body.len())]);
        }
        let trace_header = match integration {
            Integration::Completed(outcome) => outcome.trace_header,
            Integration::Rejected(_) | Integration::TimedOut | Integration::Panicked => {
                trace_header
            }
        };
        Outcome {
            response,
            note,
            trace_header: Some(trace_header),
        }
    }

    async fn read_body(&mut self) -> Result<Bytes, Box<dyn std::error::Error + Send + Sync>> {
        let body = std::mem::replace(&mut self.body, Body::empty());
        Ok(Limited::new(body, MAX_REQUEST_BYTES)
            .collect()
            .await?
            .to_bytes())
    }

    fn log(&self, outcome: &Outcome) {
        let Some(api) = self.api else { return };
        let request = &self.request;
        api.access.access(&Access {
            time: request.at,
            source_ip: request.source_ip,
            method: request.method.to_string(),
            path: request.path.clone(),
            protocol: request.protocol,
            status: outcome.response.status.as_u16(),
            response_bytes: outcome.response.body.len(),
            duration: self.started.elapsed(),
            function: self
                .matched
                .as_ref()
                .map(|matched| matched.route.function().to_owned()),
            trace_id: outcome.trace_header.as_ref().and_then(|header| header.root),
            note: outcome.note.clone(),
        });
    }

    /// The response with the gateway's own headers.
    fn respond(self, kind: ApiKind, outcome: Outcome) -> Response {
        let ids = match kind {
            ApiKind::Rest => vec![
                (
                    HeaderName::from_static("x-amzn-requestid"),
                    self.request.request_id,
                ),
                (
                    HeaderName::from_static("x-amz-apigw-id"),
                    self.request.extended_request_id,
                ),
            ],
            ApiKind::Http => vec![(
                HeaderName::from_static("apigw-requestid"),
                self.request.extended_request_id,
            )],
        };
        let trace = outcome
            .trace_header
            .as_ref()
            .map(|header| (X_AMZN_TRACE_ID, response_trace_header(header)));
        let mut response = outcome.response;
        for (name, value) in ids.into_iter().chain(trace) {
            // Ids are letters, digits and a little punctuation: always a header's value.
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers.insert(name, value);
            }
        }
        response.into_http()
    }
}

impl Outcome {
    /// The gateway's own answer to what reached no function.
    fn of(answer: GatewayResponse) -> Self {
        Self {
            response: answer.response,
            note: Some(answer.note),
            trace_header: None,
        }
    }
}

/// The response of an integration, and what the log says of it.
fn read(
    api: &ApiGateway,
    matched: &RouteMatch<'_>,
    integration: &Integration,
) -> (ProxyResponse, Option<String>) {
    let kind = api.stage.kind;
    let function = matched.route.function();
    let answer = match integration {
        Integration::Completed(outcome) if outcome.function_error.is_some() => {
            let error_type = error_type(&outcome.payload);
            GatewayResponse::bad_result(kind, format!("{function} failed: {error_type}"))
        }
        Integration::Completed(outcome) => {
            match proxy_result::read(&outcome.payload, kind, matched.route.format) {
                Ok(response) => return (response, None),
                Err(why) => GatewayResponse::bad_result(
                    kind,
                    format!("malformed proxy result of {function}: {why}"),
                ),
            }
        }
        Integration::Rejected(error) => GatewayResponse::rejected(kind, function, error),
        Integration::TimedOut => {
            GatewayResponse::timed_out(kind, api.integration_timeout.as_secs())
        }
        Integration::Panicked => GatewayResponse::panicked(kind),
    };
    (answer.response, Some(answer.note))
}

/// The type of a function's error: not its message, which may hold anything.
fn error_type(payload: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct FunctionError {
        #[serde(rename = "errorType")]
        error_type: Option<String>,
    }
    let error: Option<FunctionError> = serde_json::from_slice(payload).ok();
    let name = error.and_then(|error| error.error_type).filter(|name| {
        // A type's name in any language; a sentence is none.
        (1..=MAX_ERROR_TYPE).contains(&name.len())
            && !name.contains(|c: char| c.is_whitespace() || c.is_control())
    });
    name.unwrap_or_else(|| "an error without an errorType".to_owned())
}
