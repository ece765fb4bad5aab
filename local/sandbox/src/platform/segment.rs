//! The segments that Lambda itself sends for a sampled invocation of an `Active`
//! function, in the style of 2025 (Lambda Developer Guide, "Visualize Lambda function
//! invocations using AWS X-Ray"): without the `Invocation` subsegment, the parent of the
//! function's own subsegments is the function segment.

use xray_document::{
    Cause, Document, Exceptions, Http, HttpResponse, Segment, SegmentId, Subsegment, Timestamp,
};
use xray_local_lambda_rules::function_arn;

use super::cause::cause;
use super::event::{InvocationReport, PlatformEvent, ReceivedRequest};
use super::init::InitReport;
use super::trace::SampledTrace;
use crate::InvokeError;
use crate::clock::millis;

/// The X-Ray document of an event; `None` if the event has none or the request is not
/// sampled.
pub(super) fn segment(event: &PlatformEvent<'_>) -> Option<Document> {
    let segment = match event {
        PlatformEvent::Accepted { request } => SegmentBuilder::new(request)?.service(),
        PlatformEvent::Rejected { request, at, error } => {
            SegmentBuilder::new(request)?.service_rejected(*at, error)
        }
        PlatformEvent::Responded {
            request,
            at,
            is_error,
        } => SegmentBuilder::new(request)?.service_responded(*at, *is_error),
        PlatformEvent::Start { request, at } => SegmentBuilder::new(request)?.function(*at),
        PlatformEvent::Report(report) => {
            SegmentBuilder::new(report.request)?.function_reported(report)
        }
        PlatformEvent::InitStart { .. }
        | PlatformEvent::InitRuntimeDone { .. }
        | PlatformEvent::InitReport(_)
        | PlatformEvent::Extension { .. }
        | PlatformEvent::TelemetrySubscription { .. }
        | PlatformEvent::LogsDropped { .. }
        | PlatformEvent::RuntimeDone { .. }
        | PlatformEvent::Failed { .. } => return None,
    };
    Some(Document::Segment(Box::new(segment)))
}

/// Builds the two segments of one request.
#[derive(Debug, Clone, Copy)]
struct SegmentBuilder<'a> {
    request: &'a ReceivedRequest,
    trace: &'a SampledTrace,
}

impl<'a> SegmentBuilder<'a> {
    fn new(request: &'a ReceivedRequest) -> Option<Self> {
        let trace = request.trace.as_ref()?;
        Some(Self { request, trace })
    }

    /// `AWS::Lambda`, in progress.
    fn service(&self) -> Segment {
        let function = &self.request.function;
        let mut segment = Segment::new(
            &function.name,
            self.trace.root,
            self.trace.service,
            whole_millis(self.request.at),
        );
        segment.parent_id = self.trace.parent;
        segment.origin = Some("AWS::Lambda".to_owned());
        segment.resource_arn = Some(function_arn(
            &function.region,
            &function.account_id,
            &function.name,
        ));
        segment.aws.set("request_id", self.request.id.as_str());
        segment
    }

    /// `AWS::Lambda`, from the arrival of the request to its response.
    fn service_responded(&self, at: Timestamp, is_error: bool) -> Segment {
        let mut segment = self.service_ended(at, 200);
        segment.fault = is_error;
        segment
    }

    /// `AWS::Lambda` of a request that received an error instead of a response.
    fn service_rejected(&self, at: Timestamp, error: &InvokeError) -> Segment {
        let status = status(error);
        let mut segment = self.service_ended(at, status);
        segment.fault = status >= 500;
        segment.throttle = status == 429;
        segment.error = segment.throttle;
        segment
    }

    fn service_ended(&self, at: Timestamp, status: i64) -> Segment {
        let mut segment = self.service();
        segment.end_time = Some(whole_millis(at));
        segment.http = Some(Http {
            request: None,
            response: Some(HttpResponse {
                status: Some(status),
                content_length: None,
            }),
        });
        segment
    }

    /// `AWS::Lambda::Function`, in progress.
    fn function(&self, start: Timestamp) -> Segment {
        let name = &self.request.function.name;
        let mut segment = Segment::new(name, self.trace.root, self.trace.function, start);
        segment.parent_id = Some(self.trace.service);
        segment.origin = Some("AWS::Lambda::Function".to_owned());
        let log_group = format!("/aws/lambda/{name}");
        segment.aws.set(
            "cloudwatch_logs",
            [serde_json::json!({"log_group": log_group})],
        );
        segment
    }

    /// `AWS::Lambda::Function`, from START to REPORT.
    fn function_reported(&self, report: &InvocationReport<'_>) -> Segment {
        let progress = report.progress;
        let mut segment = self.function(progress.start);
        segment.end_time = Some(report.end);
        let mut spans = progress.runtime_spans();
        spans.extend(progress.extension_span(report.end));
        for span in spans {
            segment
                .annotations
                .insert(format!("aws:{}", span.name), millis(span.duration).into());
        }
        let cause = invocation_cause(report);
        segment.fault = cause.is_some();
        segment.cause = cause.map(Cause::Exceptions);
        segment
            .subsegments
            .extend(progress.init.as_ref().map(init_subsegment));
        segment
    }
}

/// `Init` at its own time, which usually precedes the segment that holds it.
fn init_subsegment(init: &InitReport) -> Subsegment {
    let mut subsegment = Subsegment::new("Init", SegmentId::random(), init.start);
    subsegment.end_time = Some(init.start + init.duration);
    subsegment.fault = init.failure.is_some();
    subsegment
}

/// The status of the Lambda API's response for an error.
fn status(error: &InvokeError) -> i64 {
    match error {
        InvokeError::UnknownFunction(_) => 404,
        InvokeError::RequestTooLarge(_) => 413,
        InvokeError::TooManyRequests(_) => 429,
        InvokeError::CannotStart(_) => 502,
        InvokeError::ShuttingDown => 503,
    }
}

fn invocation_cause(report: &InvocationReport<'_>) -> Option<Exceptions> {
    if let Some(failure) = report.failure {
        let request = report.request;
        let payload = failure.payload(&request.id, request.function.timeout);
        return Some(cause(None, failure.error_type(), &payload));
    }
    let response = report.progress.response.as_ref()?;
    let error_type = response.error_type.as_deref()?;
    Some(cause(
        response.xray_cause.as_deref(),
        error_type,
        &response.payload,
    ))
}

/// The service segment has milliseconds, the function segment microseconds.
fn whole_millis(time: Timestamp) -> Timestamp {
    Timestamp::from_micros(time.as_micros().div_euclid(1000) * 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::init::InitPhase;
    use crate::platform::progress::Progress;
    use crate::platform::tests::{AT, json, request, response};
    use std::time::Duration;

    fn document(event: &PlatformEvent<'_>) -> serde_json::Value {
        json(&segment(event).unwrap())
    }

    #[test]
    fn the_service_segment_is_lambdas() {
        let request = request();
        let trace = request.trace.as_ref().unwrap();
        let segment = document(&PlatformEvent::Responded {
            request: &request,
            at: AT + Duration::from_micros(2_000),
            is_error: false,
        });
        assert_eq!(
            segment,
            serde_json::json!({
                "name": "orders",
                "id": trace.service,
                "trace_id": "1-5759e988-bd862e3fe1be46a994272793",
                "parent_id": "53995c3f42cd8ad8",
                "start_time": 1_733_337_522.136,
                "end_time": 1_733_337_522.138,
                "http": {"response": {"status": 200}},
                "aws": {"request_id": "r-1"},
                "origin": "AWS::Lambda",
                "resource_arn": "arn:aws:lambda:eu-west-1:123456789012:function:orders",
            })
        );
    }

    #[test]
    fn the_function_segment_is_a_child_of_the_service_segment_and_holds_init() {
        let request = request();
        let trace = request.trace.as_ref().unwrap();
        let start = AT + Duration::from_millis(100);
        let init = InitReport {
            phase: InitPhase::Init,
            start: AT,
            duration: Duration::from_millis(100),
            failure: None,
        };
        let mut progress = Progress::new(start, Some(init));
        progress.response = Some(response(start + Duration::from_micros(264_190)));
        let segment = document(&PlatformEvent::Report(InvocationReport {
            request: &request,
            progress: &progress,
            failure: None,
            end: AT + Duration::from_millis(900),
            peak_memory_mb: 31,
        }));
        assert_eq!(segment["parent_id"], serde_json::json!(trace.service));
        assert_eq!(segment["origin"], "AWS::Lambda::Function");
        assert_eq!(
            segment["annotations"],
            serde_json::json!({"aws:responseLatency": 264.19, "aws:responseDuration": 0.0})
        );
        assert_eq!(
            segment["aws"],
            serde_json::json!({"cloudwatch_logs": [{"log_group": "/aws/lambda/orders"}]})
        );
        assert_eq!(segment["subsegments"][0]["name"], "Init");
        assert_eq!(segment["subsegments"][0]["end_time"], 1_733_337_522.236_204);
        assert!(segment.get("fault").is_none());
    }

    #[test]
    fn a_throttled_request_is_an_error_and_one_that_cannot_start_a_fault() {
        let request = request();
        let rejected = |error: &InvokeError| {
            document(&PlatformEvent::Rejected {
                request: &request,
                at: AT,
                error,
            })
        };
        let segment = rejected(&InvokeError::TooManyRequests(String::new()));
        assert_eq!(
            (&segment["throttle"], &segment["error"]),
            (&true.into(), &true.into())
        );
        let segment = rejected(&InvokeError::CannotStart(String::new()));
        assert_eq!(
            (&segment["fault"], &segment["http"]["response"]["status"]),
            (&true.into(), &502.into())
        );
    }
}
