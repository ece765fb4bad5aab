use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::value::to_raw_value;
use xray_document::{
    Document, Metadata, Sampled, Segment, SegmentId, Subsegment, Timestamp, TraceHeader, TraceId,
};

use super::platform_event::{Metrics, Report, Status, Tracing};
use super::startup::{MIN_DURATION, StartSubsegments, phase};
use crate::lifecycle::Invoke;

/// One invocation, from its first mention to its report. Where its subsegments hang is
/// known once the platform has told of its start.
#[derive(Debug)]
pub(super) struct Invocation {
    pub(super) request_id: String,
    start: Option<(Timestamp, Option<Tracing>)>,
    /// From INVOKE; Managed Instances have none.
    invoke: Option<Invoke>,
    /// The environment's start, until there is a place to hang it.
    startup: StartSubsegments,
    parent: Option<(TraceId, SegmentId)>,
    /// The function's segment, where Lambda draws none and we do.
    segment: Option<Box<Segment>>,
    fault_recorded: bool,
}

/// The metadata namespace of what is ours.
const NAMESPACE: &str = "xray-lambda";

impl Invocation {
    pub(super) fn new(request_id: &str) -> Self {
        Self {
            request_id: request_id.to_owned(),
            start: None,
            invoke: None,
            startup: StartSubsegments::default(),
            parent: None,
            segment: None,
            fault_recorded: false,
        }
    }

    pub(super) fn set_invoke(&mut self, invoke: Invoke) {
        self.invoke = Some(invoke);
    }

    pub(super) fn set_start(
        &mut self,
        time: Timestamp,
        tracing: Option<Tracing>,
        startup: StartSubsegments,
    ) {
        self.start = Some((time, tracing));
        self.startup = startup;
    }

    /// Finds where to hang subsegments, once, and hangs the environment's start. With
    /// `function`, its segment is drawn where Lambda draws none.
    pub(super) fn record_start(&mut self, function: Option<&str>) -> Vec<Document> {
        if self.parent.is_none() {
            self.parent = match &self.start {
                Some((_, Some(tracing))) => {
                    // Managed Instances give no spanId: there Lambda's segment is what
                    // the header calls the parent.
                    let parent = tracing.span_id.or(tracing.header.parent);
                    tracing.header.root.zip(parent)
                }
                Some((time, None)) => {
                    self.segment = function
                        .zip(self.invoke.as_ref())
                        .and_then(|(function, invoke)| segment(function, invoke, *time));
                    self.segment
                        .as_ref()
                        .map(|segment| (segment.trace_id, segment.id))
                }
                None => None,
            };
        }
        if self.parent.is_none() {
            return Vec::new();
        }
        let startup = std::mem::take(&mut self.startup);
        // Under its own segment Lambda has drawn `Init` or `Restore` already.
        let init_or_restore = startup.init_or_restore.filter(|_| self.segment.is_some());
        init_or_restore
            .into_iter()
            .chain(startup.extension_init)
            .filter_map(|part| self.attach(part))
            .collect()
    }

    /// `platform.runtimeDone`, and on Managed Instances, where there is none, the report.
    pub(super) fn runtime_done(&mut self, report: &Report) -> Vec<Document> {
        let mut documents: Vec<Document> = spans(report)
            .into_iter()
            .filter_map(|part| self.attach(part))
            .collect();
        documents.extend(self.fault(report));
        if let Some(mut segment) = self.segment.take() {
            segment.end_time = Some(self.end(report));
            segment.fault = report.status.fault.is_some();
            documents.push(Document::Segment(segment));
        }
        documents
    }

    /// `platform.report`: the last word.
    pub(super) fn report(mut self, report: &Report) -> Vec<Document> {
        self.runtime_done(report)
    }

    fn attach(&self, mut part: Subsegment) -> Option<Document> {
        let (trace_id, parent_id) = self.parent?;
        part.trace_id = Some(trace_id);
        part.parent_id = Some(parent_id);
        Some(Document::Subsegment(Box::new(part)))
    }

    fn fault(&mut self, report: &Report) -> Option<Document> {
        let (start, _) = self.start.as_ref()?;
        if report.status.fault.is_none() || self.fault_recorded {
            return None;
        }
        self.fault_recorded = true;
        self.attach(phase(
            "Runtime done",
            *start,
            self.end(report),
            &report.status,
        ))
    }

    fn end(&self, report: &Report) -> Timestamp {
        let length = report.metrics.duration_ms.and_then(milliseconds);
        match (&self.start, length) {
            (Some((start, _)), Some(length)) => *start + length,
            _ => report.time,
        }
    }
}

/// The phases that Lambda measured, of a millisecond and more.
fn spans(report: &Report) -> Vec<Subsegment> {
    let parts = report.spans.iter().filter_map(|span| {
        let name = match span.name.as_str() {
            "responseLatency" => "Response latency",
            "responseDuration" => "Response duration",
            "runtimeOverhead" => "Runtime overhead",
            "extensionOverhead" => "Extension overhead",
            _ => return None,
        };
        let duration = milliseconds(span.duration_ms).filter(|length| *length >= MIN_DURATION)?;
        let mut part = phase(name, span.start, span.start + duration, &Status::default());
        if span.name == "extensionOverhead" {
            part.metadata = metadata(&report.metrics);
        }
        Some(part)
    });
    parts.collect()
}

/// The function's own segment, as Lambda would draw it with active tracing.
fn segment(function: &str, invoke: &Invoke, start: Timestamp) -> Option<Box<Segment>> {
    let header = TraceHeader::parse(&invoke.trace_header);
    if header.sampled == Sampled::No {
        return None;
    }
    let mut segment = Segment::new(function, header.root?, SegmentId::random(), start);
    segment.parent_id = header.parent;
    segment.origin = Some("AWS::Lambda::Function".to_owned());
    segment.aws.set("request_id", &invoke.request_id);
    if !invoke.function_arn.is_empty() {
        segment.aws.set("function_arn", &invoke.function_arn);
        segment.aws.set("resource_names", [function]);
        if let Some(account) = invoke.function_arn.split(':').nth(4) {
            segment.aws.set("account_id", account);
        }
        segment.resource_arn = Some(invoke.function_arn.clone());
    }
    Some(Box::new(segment))
}

fn metadata(metrics: &Metrics) -> Metadata {
    let metadata = to_raw_value(metrics)
        .ok()
        .map(|value| (NAMESPACE.to_owned(), value));
    BTreeMap::from_iter(metadata)
}

fn milliseconds(number: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(number / 1_000.0).ok()
}
