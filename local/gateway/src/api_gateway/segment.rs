use http::StatusCode;
use xray_document::{
    Document, Http, HttpRequest, HttpResponse, Namespace, Sampled, Segment, SegmentId, Subsegment,
    Timestamp, TraceHeader,
};

use super::integration::Integration;
use super::request::ReceivedRequest;
use super::stage::Stage;
use crate::invoke::{error_name, error_status};

/// The segment that a stage of a REST API records of one request, with a subsegment for the
/// call of the function (X-Ray Developer Guide, "API Gateway active tracing").
#[derive(Debug)]
pub(crate) struct StageSegment {
    segment: Segment,
    /// The call of the function.
    call: Subsegment,
}

impl StageSegment {
    /// Starts the segment. `None` if the API does not trace or the caller decided
    /// `Sampled=0`. Every other request is sampled, so that each has a trace.
    pub(crate) fn begin(stage: &Stage, request: &ReceivedRequest, function: &str) -> Option<Self> {
        if !stage.tracing || request.trace.sampled == Sampled::No {
            return None;
        }
        let root = request.trace.root?;
        let name = format!("{}/{}", stage.api_name, stage.name);
        let mut segment = Segment::new(name, root, SegmentId::random(), request.at);
        segment.parent_id = request.trace.parent;
        segment.origin = Some("AWS::ApiGateway::Stage".to_owned());
        segment.resource_arn = Some(stage.arn());
        segment.http = Some(Http {
            request: Some(stage_request(request)),
            response: None,
        });
        segment.aws.set(
            "api_gateway",
            serde_json::json!({
                "account_id": stage.account_id,
                "rest_api_id": stage.api_id,
                "stage": stage.name,
                "request_id": request.request_id,
            }),
        );
        segment
            .annotations
            .insert("aws:api_id".to_owned(), stage.api_id.as_str().into());
        segment
            .annotations
            .insert("aws:api_stage".to_owned(), stage.name.as_str().into());
        let ids = serde_json::json!({
            "extended_request_id": request.extended_request_id,
            "request_id": request.request_id,
        });
        if let Ok(ids) = serde_json::value::to_raw_value(&ids) {
            segment.metadata.insert("default".to_owned(), ids);
        }
        let call = call_subsegment(stage, function);
        Some(Self { segment, call })
    }

    /// The trace header for the invocation. Its parent is the subsegment of the call.
    pub(crate) fn invocation_header(&self, incoming: &TraceHeader) -> TraceHeader {
        TraceHeader {
            root: Some(self.segment.trace_id),
            parent: Some(self.call.id),
            sampled: Sampled::Yes,
            extra: incoming.extra.clone(),
        }
    }

    /// Ends the subsegment of the call.
    pub(crate) fn end_call(&mut self, integration: &Integration) {
        let subsegment = &mut self.call;
        subsegment.end_time = Some(Timestamp::now().max(subsegment.start_time));
        let (status, bytes) = match integration {
            Integration::Completed(outcome) => (Some(StatusCode::OK), Some(outcome.payload.len())),
            Integration::Rejected(error) => (Some(error_status(error)), None),
            Integration::TimedOut | Integration::Panicked => (None, None),
        };
        match status {
            Some(status) => {
                (subsegment.error, subsegment.throttle, subsegment.fault) = flags(status);
            }
            None => subsegment.fault = true,
        }
        if let Integration::Completed(outcome) = integration
            && let Some(error) = outcome.function_error
        {
            // Lambda's `Invoke` has status 200 even if the function failed.
            subsegment.fault = true;
            subsegment.aws.set("function_error", error_name(error));
        }
        if let (Some(http), Some(status)) = (&mut subsegment.http, status) {
            http.response = Some(response(status, bytes));
        }
    }

    /// Ends the segment.
    pub(crate) fn finish(mut self, status: StatusCode, response_bytes: usize) -> Document {
        let now = Timestamp::now();
        self.call
            .end_time
            .get_or_insert(now.max(self.call.start_time));
        let segment = &mut self.segment;
        segment.end_time = Some(
            now.max(segment.start_time)
                .max(self.call.end_time.unwrap_or(now)),
        );
        (segment.error, segment.throttle, segment.fault) = flags(status);
        if let Some(http) = &mut segment.http {
            http.response = Some(response(status, Some(response_bytes)));
        }
        segment.subsegments.push(self.call);
        Document::Segment(Box::new(self.segment))
    }
}

fn stage_request(request: &ReceivedRequest) -> HttpRequest {
    HttpRequest {
        method: Some(request.method.to_string()),
        url: Some(request.url()),
        user_agent: request.header(&http::header::USER_AGENT),
        client_ip: Some(
            request
                .forwarded_for
                .clone()
                .unwrap_or_else(|| request.source_ip.to_string()),
        ),
        x_forwarded_for: request.forwarded_for.is_some(),
        traced: false,
    }
}

/// The subsegment of the call of Lambda's `Invoke`.
fn call_subsegment(stage: &Stage, function: &str) -> Subsegment {
    let arn = stage.function_arn(function);
    let mut subsegment = Subsegment::new("Lambda", SegmentId::random(), Timestamp::now());
    subsegment.namespace = Some(Namespace::Aws);
    subsegment
        .aws
        .set("function_name", function)
        .set("region", &stage.region)
        .set("operation", "Invoke")
        .set("resource_names", [&arn]);
    let url = format!(
        "https://lambda.{}.amazonaws.com/2015-03-31/functions/{arn}/invocations",
        stage.region
    );
    subsegment.http = Some(Http {
        request: Some(HttpRequest {
            method: Some("POST".to_owned()),
            url: Some(url),
            ..HttpRequest::default()
        }),
        response: None,
    });
    subsegment
}

fn response(status: StatusCode, bytes: Option<usize>) -> HttpResponse {
    HttpResponse {
        status: Some(i64::from(status.as_u16())),
        content_length: bytes.and_then(|bytes| i64::try_from(bytes).ok()),
    }
}

/// The flags `error`, `throttle` and `fault` for a status, as the X-Ray SDKs set them.
fn flags(status: StatusCode) -> (bool, bool, bool) {
    let throttle = status == StatusCode::TOO_MANY_REQUESTS;
    (status.is_client_error(), throttle, status.is_server_error())
}
