//! The segments that Lambda itself draws for a sampled invocation of an `Active`
//! function, in the style of 2025 (Lambda Developer Guide, "Visualize Lambda function
//! invocations using AWS X-Ray"): no `Invocation` subsegment, what the function sends
//! hangs from the function segment itself.

use serde::Deserialize;
use xray_document::{
    Cause, Document, Exception, Exceptions, Http, HttpResponse, Segment, SegmentId, StackFrame,
    Subsegment, Timestamp,
};

use super::telemetry::Span;
use super::{Init, SampledTrace};
use crate::FunctionConfig;
use crate::clock::millis;

/// Bytes of an X-Ray error cause that Lambda keeps (Lambda's runtime interface
/// emulator: compacted to 64 KiB; here a larger one loses its stacks).
const MAX_CAUSE_BYTES: usize = 60 * 1024;

/// What both segments of one request have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Drawing<'a> {
    pub(crate) trace: &'a SampledTrace,
    pub(crate) function: &'a FunctionConfig,
    pub(crate) arn: &'a str,
    pub(crate) request_id: &'a str,
}

/// How a request ended for its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Served {
    Success,
    /// The function failed: 200, with a function error.
    FunctionError,
    /// 429
    Throttled,
    /// 5xx: no environment could be started, or the sandbox ends.
    Refused(u16),
}

impl Drawing<'_> {
    /// `AWS::Lambda`: from the moment when the request was accepted to the answer.
    pub(crate) fn service(
        &self,
        accepted: Timestamp,
        end: Option<(Timestamp, Served)>,
    ) -> Document {
        let mut segment = Segment::new(
            &self.function.name,
            self.trace.root,
            self.trace.service,
            whole_millis(accepted),
        );
        segment.parent_id = self.trace.parent;
        segment.origin = Some("AWS::Lambda".to_owned());
        segment.resource_arn = Some(self.arn.to_owned());
        segment.aws.set("request_id", self.request_id);
        if let Some((end, served)) = end {
            segment.end_time = Some(whole_millis(end));
            let status = match served {
                Served::Success | Served::FunctionError => 200,
                Served::Throttled => 429,
                Served::Refused(status) => i64::from(status),
            };
            segment.http = Some(Http {
                request: None,
                response: Some(HttpResponse {
                    status: Some(status),
                    content_length: None,
                }),
            });
            segment.fault = matches!(served, Served::FunctionError | Served::Refused(_));
            segment.throttle = served == Served::Throttled;
            segment.error = segment.throttle;
        }
        Document::Segment(Box::new(segment))
    }

    /// `AWS::Lambda::Function`, which has just begun.
    pub(crate) fn function_begun(&self, start: Timestamp) -> Document {
        Document::Segment(Box::new(self.function_segment(start)))
    }

    /// `AWS::Lambda::Function`: from START to REPORT.
    pub(crate) fn function(&self, invoked: &Invoked<'_>) -> Document {
        let mut segment = self.function_segment(invoked.start);
        segment.end_time = Some(invoked.end);
        for span in invoked.spans {
            segment
                .annotations
                .insert(format!("aws:{}", span.name), millis(span.duration).into());
        }
        segment.fault = invoked.cause.is_some();
        segment.cause = invoked.cause.clone().map(Cause::Exceptions);
        if let Some(init) = invoked.init {
            // When it happened: usually before the segment that holds it.
            let mut subsegment = Subsegment::new("Init", SegmentId::random(), init.start);
            subsegment.end_time = Some(init.start + init.duration);
            subsegment.fault = init.failure.is_some();
            segment.subsegments.push(subsegment);
        }
        Document::Segment(Box::new(segment))
    }

    fn function_segment(&self, start: Timestamp) -> Segment {
        let mut segment = Segment::new(
            &self.function.name,
            self.trace.root,
            self.trace.function,
            start,
        );
        segment.parent_id = Some(self.trace.service);
        segment.origin = Some("AWS::Lambda::Function".to_owned());
        let log_group = format!("/aws/lambda/{}", self.function.name);
        segment.aws.set(
            "cloudwatch_logs",
            [serde_json::json!({"log_group": log_group})],
        );
        segment
    }
}

/// One invocation as the function segment shows it.
#[derive(Debug)]
pub(crate) struct Invoked<'a> {
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    pub(crate) spans: &'a [Span],
    /// On the cold call only.
    pub(crate) init: Option<&'a Init>,
    /// Where it failed.
    pub(crate) cause: Option<Exceptions>,
}

/// The cause of a failed invocation: what the runtime sent for X-Ray, or else the
/// error's type and message.
pub(crate) fn cause(xray_cause: Option<&str>, error_type: &str, payload: &[u8]) -> Exceptions {
    if let Some(exceptions) = xray_cause.and_then(runtime_cause) {
        return exceptions;
    }
    let error: ErrorBody = serde_json::from_slice(payload).unwrap_or_default();
    let kind = error.error_type.unwrap_or_else(|| error_type.to_owned());
    let exception = Exception::new(kind, error.error_message.unwrap_or_default());
    Exceptions {
        exceptions: vec![exception],
        ..Exceptions::default()
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ErrorBody {
    error_type: Option<String>,
    error_message: Option<String>,
}

/// `Lambda-Runtime-Function-XRay-Error-Cause`; nothing if all of it is empty.
fn runtime_cause(json: &str) -> Option<Exceptions> {
    let cause: WireCause = serde_json::from_str(json).ok()?;
    let large = json.len() > MAX_CAUSE_BYTES;
    let mut exceptions: Vec<_> = cause
        .exceptions
        .into_iter()
        .map(|wire| {
            let mut exception = Exception::new(
                wire.kind.unwrap_or_default(),
                wire.message.unwrap_or_default(),
            );
            if large {
                exception.truncated = i64::try_from(wire.stack.len()).ok();
            } else {
                exception.stack = wire.stack;
            }
            exception
        })
        .collect();
    if exceptions.is_empty()
        && let Some(message) = cause.message.filter(|message| !message.is_empty())
    {
        exceptions.push(Exception::new("", message));
    }
    let directory = cause
        .working_directory
        .filter(|directory| !directory.is_empty());
    let empty = exceptions.is_empty() && directory.is_none() && cause.paths.is_empty();
    (!empty).then_some(Exceptions {
        working_directory: directory,
        paths: cause.paths,
        exceptions,
    })
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct WireCause {
    exceptions: Vec<WireException>,
    working_directory: Option<String>,
    paths: Vec<String>,
    message: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct WireException {
    message: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    stack: Vec<StackFrame>,
}

/// The service's own segment has milliseconds, the function's microseconds.
fn whole_millis(time: Timestamp) -> Timestamp {
    Timestamp::from_micros(time.as_micros().div_euclid(1000) * 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const AT: Timestamp = Timestamp::from_micros(1_733_337_522_136_204);

    fn json(document: &Document) -> serde_json::Value {
        serde_json::from_str(&document.to_json().unwrap()).unwrap()
    }

    fn drawn(draw: impl FnOnce(Drawing<'_>) -> Document) -> (serde_json::Value, SampledTrace) {
        let function = crate::sandbox::tests::function("orders");
        let header = xray_document::TraceHeader::parse(
            "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
        );
        let trace = SampledTrace {
            root: header.root.unwrap(),
            parent: header.parent,
            service: SegmentId::random(),
            function: SegmentId::random(),
            header,
        };
        let drawing = Drawing {
            trace: &trace,
            function: &function,
            arn: "arn:orders",
            request_id: "r-1",
        };
        (json(&draw(drawing)), trace)
    }

    #[test]
    fn the_service_segment_is_lambdas() {
        let end = AT + Duration::from_micros(2_000);
        let (segment, trace) = drawn(|drawing| drawing.service(AT, Some((end, Served::Success))));
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
                "resource_arn": "arn:orders",
            })
        );
    }

    #[test]
    fn the_function_segment_hangs_from_the_service_segment_and_holds_init() {
        let init = Init {
            phase: super::super::Phase::Init,
            start: AT,
            duration: Duration::from_millis(100),
            failure: None,
        };
        let span = Span {
            name: "responseLatency",
            start: AT,
            duration: Duration::from_micros(264_190),
        };
        let (segment, trace) = drawn(|drawing| {
            drawing.function(&Invoked {
                start: AT + Duration::from_millis(100),
                end: AT + Duration::from_millis(900),
                spans: &[span],
                init: Some(&init),
                cause: None,
            })
        });
        assert_eq!(segment["parent_id"], serde_json::json!(trace.service));
        assert_eq!(segment["origin"], "AWS::Lambda::Function");
        assert_eq!(
            segment["annotations"],
            serde_json::json!({"aws:responseLatency": 264.19})
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
    fn a_throttled_request_is_an_error_and_a_refused_one_a_fault() {
        let (segment, _) = drawn(|drawing| drawing.service(AT, Some((AT, Served::Throttled))));
        assert_eq!(
            (&segment["throttle"], &segment["error"]),
            (&true.into(), &true.into())
        );
        let (segment, _) = drawn(|drawing| drawing.service(AT, Some((AT, Served::Refused(502)))));
        assert_eq!(
            (&segment["fault"], &segment["http"]["response"]["status"]),
            (&true.into(), &502.into())
        );
    }

    #[test]
    fn the_runtimes_cause_is_taken_over_with_its_stack() {
        let cause = cause(
            Some(
                r#"{"working_directory":"/var/task","paths":["a.py"],"exceptions":[{"type":"KeyError","message":"pk","stack":[{"path":"a.py","line":3,"label":"handler"}]}]}"#,
            ),
            "Runtime.Unknown",
            b"",
        );
        assert_eq!(cause.working_directory.as_deref(), Some("/var/task"));
        assert_eq!(cause.exceptions[0].kind.as_deref(), Some("KeyError"));
        assert_eq!(cause.exceptions[0].stack[0].line, Some(3));
    }

    #[test]
    fn an_empty_cause_is_ignored_for_the_error_itself() {
        let cause = cause(
            Some(r#"{"exceptions":[],"working_directory":"","paths":[]}"#),
            "Runtime.Unknown",
            br#"{"errorType":"ValueError","errorMessage":"no"}"#,
        );
        assert_eq!(cause.exceptions[0].kind.as_deref(), Some("ValueError"));
        assert_eq!(cause.exceptions[0].message.as_deref(), Some("no"));
    }
}
