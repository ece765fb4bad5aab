use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::value::to_raw_value;
use xray_document::{
    Document, Metadata, Sampled, Segment, SegmentId, Subsegment, Timestamp, TraceHeader, TraceId,
};

use super::outcome::{InvocationOutcome, Recorded};
use super::platform_event::{Metrics, Report, Status, Tracing};
use super::startup::{MIN_DURATION, StartSubsegments, phase};
use crate::lifecycle::Invoke;

/// One invocation, from its first event to its report. The parent of its subsegments is known
/// after `platform.start`.
#[derive(Debug)]
pub(super) struct Invocation {
    pub(super) request_id: String,
    /// From `platform.start`.
    start: Option<(Timestamp, Option<Tracing>)>,
    /// From INVOKE; Managed Instances have none.
    invoke: Option<Invoke>,
    /// The subsegments of the environment's start, until the parent is known.
    startup: StartSubsegments,
    /// The trace and the parent of all subsegments.
    parent: Option<(TraceId, SegmentId)>,
    /// The function segment, if Lambda records none and the configuration asks for one.
    segment: Option<Box<Segment>>,
    fault_recorded: bool,
    cold_start: bool,
    outcome_reported: bool,
}

/// The metadata namespace of this project.
const METADATA_NAMESPACE: &str = "xray-lambda";

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
            cold_start: false,
            outcome_reported: false,
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
        self.cold_start = startup.cold_start;
        self.startup = startup;
    }

    /// Returns whether the trace header leaves room for a function segment.
    pub(super) fn may_be_traced(&self) -> bool {
        self.invoke.as_ref().is_some_and(|invoke| {
            let header = TraceHeader::parse(&invoke.trace_header);
            header.sampled != Sampled::No && header.root.is_some()
        })
    }

    fn trace_id(&self) -> Option<TraceId> {
        let tracing = self
            .start
            .as_ref()
            .and_then(|(_, tracing)| tracing.as_ref());
        match (tracing, &self.invoke) {
            (Some(tracing), _) => tracing.header.root,
            (None, Some(invoke)) => TraceHeader::parse(&invoke.trace_header).root,
            (None, None) => None,
        }
    }

    fn outcome(&mut self, report: &Report) -> Option<InvocationOutcome> {
        if self.outcome_reported {
            return None;
        }
        let trace_id = self.trace_id()?;
        self.outcome_reported = true;
        Some(InvocationOutcome {
            trace_id,
            fault: report.status.fault.is_some(),
            duration: report.metrics.duration_ms.and_then(milliseconds),
            cold_start: self.cold_start,
        })
    }

    /// Finds the parent of all subsegments, and records the environment's start. With
    /// `function`, creates the function segment if Lambda records none.
    pub(super) fn record_start(&mut self, function: Option<&str>) -> Vec<Document> {
        if self.parent.is_none() {
            self.parent = self.find_parent(function);
        }
        if self.parent.is_none() {
            return Vec::new();
        }
        let startup = std::mem::take(&mut self.startup);
        // Under its own function segment, Lambda records `Init` or `Restore` itself.
        let init_or_restore = startup.init_or_restore.filter(|_| self.segment.is_some());
        init_or_restore
            .into_iter()
            .chain(startup.extension_init)
            .filter_map(|subsegment| self.attach(subsegment))
            .collect()
    }

    fn find_parent(&mut self, function: Option<&str>) -> Option<(TraceId, SegmentId)> {
        let (start, tracing) = self.start.as_ref()?;
        if let Some(tracing) = tracing {
            // Managed Instances send no span id. Their header has Lambda's function segment
            // as its parent.
            let parent = tracing.span_id.or(tracing.header.parent);
            return tracing.header.root.zip(parent);
        }
        self.segment = segment(function?, self.invoke.as_ref()?, *start);
        let segment = self.segment.as_ref()?;
        Some((segment.trace_id, segment.id))
    }

    /// Records a `platform.runtimeDone`, or on Managed Instances, which send none, a
    /// `platform.report`.
    pub(super) fn runtime_done(&mut self, report: &Report) -> Recorded {
        let mut documents: Vec<Document> = spans(report)
            .into_iter()
            .filter_map(|subsegment| self.attach(subsegment))
            .collect();
        documents.extend(self.fault(report));
        if let Some(mut segment) = self.segment.take() {
            segment.end_time = Some(self.end(report));
            segment.fault = report.status.fault.is_some();
            documents.push(Document::Segment(segment));
        }
        Recorded {
            documents,
            outcome: self.outcome(report),
        }
    }

    /// Records a `platform.report`, the last event of an invocation.
    pub(super) fn report(mut self, report: &Report) -> Recorded {
        self.runtime_done(report)
    }

    fn attach(&self, mut subsegment: Subsegment) -> Option<Document> {
        let (trace_id, parent_id) = self.parent?;
        subsegment.trace_id = Some(trace_id);
        subsegment.parent_id = Some(parent_id);
        Some(Document::Subsegment(Box::new(subsegment)))
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

    /// The end of the invocation, from its duration if Lambda reports one.
    fn end(&self, report: &Report) -> Timestamp {
        let length = report.metrics.duration_ms.and_then(milliseconds);
        match (&self.start, length) {
            (Some((start, _)), Some(length)) => *start + length,
            _ => report.time,
        }
    }
}

/// Creates the subsegments of the spans that Lambda measured.
fn spans(report: &Report) -> Vec<Subsegment> {
    let subsegments = report.spans.iter().filter_map(|span| {
        let name = match span.name.as_str() {
            "responseLatency" => "Response latency",
            "responseDuration" => "Response duration",
            "runtimeOverhead" => "Runtime overhead",
            "extensionOverhead" => "Extension overhead",
            _ => return None,
        };
        let duration = milliseconds(span.duration_ms).filter(|length| *length >= MIN_DURATION)?;
        let mut subsegment = phase(name, span.start, span.start + duration, &Status::default());
        if span.name == "extensionOverhead" {
            subsegment.metadata = metadata(&report.metrics);
        }
        Some(subsegment)
    });
    subsegments.collect()
}

/// Creates the function segment, as Lambda would record it with active tracing.
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
        .map(|value| (METADATA_NAMESPACE.to_owned(), value));
    BTreeMap::from_iter(metadata)
}

fn milliseconds(number: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(number / 1_000.0).ok()
}
