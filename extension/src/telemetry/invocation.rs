use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::value::to_raw_value;
use xray_document::{
    AnnotationValue, Annotations, Cause, Document, Metadata, Sampled, SegmentId, Subsegment,
    Timestamp, TraceHeader, TraceId,
};

use super::function_segment::FunctionSegment;
use super::open_documents::{OpenDocuments, Selection};
use super::outcome::{InvocationOutcome, Recorded};
use super::platform_event::{Fault, Metrics, Report, Span, SpanKind, Start, milliseconds};
use super::sampler::salted;
use super::settings::PlatformSettings;
use super::start_time::StartTime;
use super::startup::{ColdStart, MIN_DURATION};
use crate::lifecycle::Invoke;

/// One invocation, from its first event to its last. Events may arrive in any order: each one
/// is kept until the events that its documents need have arrived.
#[derive(Debug)]
pub(super) struct Invocation {
    pub(super) request_id: String,
    invoke: Option<Invoked>,
    start: Option<Start>,
    cold_start: ColdStart,
    runtime_done: Option<Report>,
    report: Option<Report>,
    /// `None` until it is known.
    parent: Option<Parent>,
    progress: Progress,
}

/// The INVOKE of an invocation.
#[derive(Debug)]
pub(super) struct Invoked {
    trace_id: Option<TraceId>,
    caller: Option<SegmentId>,
    function_arn: Option<String>,
    arrived: Timestamp,
    /// The time when the function times out.
    deadline: Option<Timestamp>,
    /// True if a function segment is to be recorded if Lambda records none.
    is_sampled: bool,
}

/// The parts of the recorder that all invocations share.
#[derive(Debug)]
pub(super) struct Context<'a> {
    pub(super) settings: &'a PlatformSettings,
    pub(super) open_documents: &'a mut OpenDocuments,
}

/// The parent of an invocation's subsegments.
#[derive(Debug, Clone, Copy)]
enum Parent {
    /// Nobody records a function segment, so there are no subsegments.
    None,
    /// The function segment that Lambda records.
    Lambda(SegmentId),
    /// The function segment that this project records.
    Own(SegmentId),
}

/// The part of an invocation that is recorded already.
#[derive(Debug, Default)]
struct Progress {
    start_time: Option<StartTime>,
    /// The last recorded span and its end.
    last_span: Option<(SpanKind, Timestamp)>,
    spans: Vec<SpanKind>,
    runtime_done: bool,
    report: bool,
    fault: bool,
    cause: Option<Cause>,
    annotations: Annotations,
    /// The end and the fault of the function segment, as it was recorded last.
    segment: Option<(Timestamp, bool)>,
    outcome: bool,
}

/// New parts of a function segment that may have been recorded before.
#[derive(Debug, Clone, Copy)]
struct SegmentChanges {
    spans: bool,
    annotations: bool,
}

/// The metadata namespace of this project.
const METADATA_NAMESPACE: &str = "xray-lambda";

impl Invoked {
    /// `is_sampled` decides for an invocation that its header leaves undecided.
    pub(super) fn new(
        invoke: &Invoke,
        arrived: Timestamp,
        is_sampled: impl FnOnce() -> bool,
    ) -> Self {
        let header = TraceHeader::parse(&invoke.trace_header);
        let arn = Some(invoke.function_arn.clone());
        let deadline = i64::try_from(invoke.deadline_ms).ok().filter(|ms| *ms > 0);
        Self {
            trace_id: header.root,
            caller: header.parent,
            function_arn: arn.filter(|arn| !arn.is_empty()),
            arrived,
            deadline: deadline.map(|ms| Timestamp::from_micros(ms.saturating_mul(1_000))),
            is_sampled: header.root.is_some()
                && match header.sampled {
                    Sampled::Yes => true,
                    Sampled::No => false,
                    Sampled::Requested | Sampled::Undecided => is_sampled(),
                },
        }
    }
}

impl Invocation {
    pub(super) fn new(request_id: &str) -> Self {
        Self {
            request_id: request_id.to_owned(),
            invoke: None,
            start: None,
            cold_start: ColdStart::default(),
            runtime_done: None,
            report: None,
            parent: None,
            progress: Progress::default(),
        }
    }

    pub(super) fn set_invoke(&mut self, invoke: Invoked) {
        self.invoke.get_or_insert(invoke);
    }

    pub(super) fn has_invoke(&self) -> bool {
        self.invoke.is_some()
    }

    pub(super) fn set_start(&mut self, start: Start) {
        self.start.get_or_insert(start);
    }

    /// The time of `platform.start`.
    pub(super) fn start(&self) -> Option<Timestamp> {
        self.start.as_ref().map(|start| start.time)
    }

    pub(super) fn set_cold_start(&mut self, cold_start: ColdStart) {
        self.cold_start = cold_start;
    }

    pub(super) fn set_runtime_done(&mut self, report: Report) {
        self.runtime_done.get_or_insert(report);
    }

    pub(super) fn set_report(&mut self, report: Report) {
        self.report.get_or_insert(report);
    }

    /// The time of the last event; `None` if the invocation has not ended.
    pub(super) fn end(&self) -> Option<Timestamp> {
        let ends = [&self.runtime_done, &self.report];
        ends.into_iter().flatten().map(|report| report.time).max()
    }

    /// Returns whether a function segment of this project is or may be recorded.
    pub(super) fn may_have_own_segment(&self) -> bool {
        self.invoke.as_ref().is_some_and(|invoke| invoke.is_sampled)
            && !matches!(self.parent, Some(Parent::Lambda(_)))
    }

    /// Returns whether all events have arrived and are recorded.
    pub(super) fn is_finished(&self, settings: &PlatformSettings) -> bool {
        let has_ended =
            self.report.is_some() && (self.runtime_done.is_some() || settings.managed_instances);
        let has_trace =
            self.progress.outcome || self.invoke.is_some() || settings.managed_instances;
        has_ended && has_trace && self.parent.is_some()
    }

    /// Records everything that the events so far allow, once.
    pub(super) fn advance(&mut self, context: &mut Context<'_>) -> Recorded {
        let mut recorded = Recorded::default();
        if self.parent.is_none() {
            self.parent = self.find_parent(context.settings);
        }
        if self.parent.is_none() {
            self.record_without_start(context, &mut recorded);
            return recorded;
        }
        self.record_cold_start(&mut recorded);
        if let Some(report) = self.runtime_done.take() {
            if !std::mem::replace(&mut self.progress.runtime_done, true) {
                self.record_end(&report, false, context, &mut recorded);
            }
            self.runtime_done = Some(report);
        }
        if let Some(report) = self.report.take() {
            if !std::mem::replace(&mut self.progress.report, true) {
                self.record_end(&report, true, context, &mut recorded);
            }
            self.report = Some(report);
        }
        self.record_outcome(context, &mut recorded);
        recorded
    }

    /// Records what needs no `platform.start`, if Lambda dropped that event: the report is the
    /// last one.
    fn record_without_start(&mut self, context: &mut Context<'_>, recorded: &mut Recorded) {
        let (None, Some(report)) = (&self.start, &self.report) else {
            return;
        };
        let fault = report.status.fault.as_ref();
        if let Some(fault) = fault.filter(|fault| !fault.is_handled())
            && let Some(selection) = self.selection(context.settings)
        {
            let cause = fault.cause(report.metrics.duration_ms.and_then(milliseconds));
            let open = &mut *context.open_documents;
            recorded
                .completed
                .extend(open.complete(selection, report.time, &cause));
        }
        self.record_outcome(context, recorded);
    }

    fn find_parent(&self, settings: &PlatformSettings) -> Option<Parent> {
        let start = self.start.as_ref()?;
        let own = || Parent::Own(salted(SegmentId::random(), &self.request_id));
        match (&start.tracing, &self.invoke) {
            (Some(tracing), _) => Some(match tracing.span_id {
                Some(span_id) => Parent::Lambda(span_id),
                None if settings.function_segment.is_some() => own(),
                None => Parent::None,
            }),
            (None, _) if settings.function_segment.is_none() => Some(Parent::None),
            (None, Some(invoke)) if invoke.is_sampled => Some(own()),
            (None, Some(_)) => Some(Parent::None),
            // Only INVOKE has the trace header of an invocation that Lambda does not trace.
            (None, None) => settings.managed_instances.then_some(Parent::None),
        }
    }

    fn trace_id(&self) -> Option<TraceId> {
        let tracing = self.start.as_ref().and_then(|start| start.tracing.as_ref());
        tracing.map_or_else(
            || self.invoke.as_ref()?.trace_id,
            |tracing| Some(tracing.trace_id),
        )
    }

    fn record_cold_start(&mut self, recorded: &mut Recorded) {
        let subsegments = std::mem::take(&mut self.cold_start.subsegments);
        // Lambda's own segment has them already.
        if matches!(self.parent, Some(Parent::Own(_))) {
            let documents = subsegments.into_iter().filter_map(|part| self.attach(part));
            recorded.documents.extend(documents);
        }
    }

    /// Records a `platform.runtimeDone`, or with `is_last` a `platform.report`.
    fn record_end(
        &mut self,
        report: &Report,
        is_last: bool,
        context: &mut Context<'_>,
        recorded: &mut Recorded,
    ) {
        let Some(start_time) = self.start_time(report, context.open_documents) else {
            return;
        };
        let end = self.end_time(start_time, report);
        let segment_end = self.progress.segment.map(|(end, _)| end);
        let parent_end = match self.parent {
            Some(Parent::Own(_)) => Some(segment_end.map_or(end, |known| known.max(end))),
            // After `platform.runtimeDone`, Lambda's segment lasts until the extensions are
            // done, so its subsegments keep their durations.
            Some(Parent::Lambda(_)) if is_last => Some(end),
            _ => None,
        };
        let annotations = if is_last && context.settings.annotations {
            self.annotations(&report.metrics)
        } else {
            Annotations::new()
        };
        let first = recorded.documents.len();
        for span in &report.spans {
            let is_short = span.duration < MIN_DURATION && annotations.is_empty();
            if is_short || self.progress.spans.contains(&span.kind) {
                continue;
            }
            self.progress.spans.push(span.kind);
            let mut subsegment = self.place(span, start_time, parent_end);
            subsegment.metadata = metadata(span.kind, &report.metrics);
            recorded.documents.extend(self.attach(subsegment));
        }
        let changes = SegmentChanges {
            spans: recorded.documents.len() > first,
            annotations: !annotations.is_empty(),
        };
        self.record_fault(report, end, context, recorded);
        if matches!(self.parent, Some(Parent::Own(_))) {
            self.progress.annotations.extend(annotations);
            let segment = self.function_segment(end, changes, context.settings);
            recorded.documents.extend(segment);
        } else if changes.annotations {
            let last = recorded.documents[first..].last_mut();
            if let Some(Document::Subsegment(subsegment)) = last {
                subsegment.annotations = annotations;
            } else {
                let mut report = Subsegment::new("Report", SegmentId::random(), end);
                report.end_time = Some(end);
                report.annotations = annotations;
                recorded.documents.extend(self.attach(report));
            }
        }
    }

    /// The start of the invocation, from all clock readings until its first span is recorded.
    fn start_time(&mut self, report: &Report, open: &OpenDocuments) -> Option<StartTime> {
        if self.progress.start_time.is_none() {
            let mut start_time = StartTime::new(self.start.as_ref()?.time);
            let mut offset = Duration::ZERO;
            for span in &report.spans {
                if span.kind != SpanKind::ExtensionOverhead {
                    start_time.precedes(span.start, offset);
                    offset = offset.saturating_add(span.duration);
                }
            }
            if let Some(invoke) = &self.invoke {
                start_time.is_before(invoke.arrived);
            }
            if let Some(trace_id) = self.trace_id() {
                open.starts(trace_id)
                    .for_each(|start| start_time.is_before(start));
            }
            self.progress.start_time = Some(start_time);
        }
        self.progress.start_time
    }

    /// The end of the invocation, from its duration if Lambda reports one: the end of the
    /// function segment of this project, or a time that Lambda's surely includes.
    fn end_time(&self, start_time: StartTime, report: &Report) -> Timestamp {
        let start = start_time.latest;
        let begin = match self.parent {
            Some(Parent::Lambda(_)) => start_time.earliest,
            _ => start,
        };
        let duration = report.metrics.duration_ms.and_then(milliseconds);
        let end = match (duration, self.cold_start.suppressed_init) {
            (None, _) => report.time,
            // The duration includes a suppressed init, which precedes `platform.start`.
            (Some(duration), Some(init)) if begin + duration > report.time + MIN_DURATION => {
                init + duration
            }
            (Some(duration), _) => begin + duration,
        };
        // After a timeout, telemetry may include the time until the runtime was stopped.
        let timed_out = report.status.fault.as_ref().is_some_and(Fault::is_timeout);
        let deadline = self.invoke.as_ref().and_then(|invoke| invoke.deadline);
        let deadline = deadline.filter(|_| timed_out).unwrap_or(end);
        end.min(deadline).max(start)
    }

    /// Creates the subsegment of a span. Spans follow each other without gaps, and telemetry
    /// cuts off their start times.
    fn place(
        &mut self,
        span: &Span,
        start_time: StartTime,
        parent_end: Option<Timestamp>,
    ) -> Subsegment {
        let first = start_time.latest;
        let shift = first.since(start_time.earliest);
        let previous = match self.progress.last_span {
            None => Some(first),
            Some((kind, end)) => (kind < span.kind).then_some(end),
        };
        let is_next = |previous: &Timestamp| {
            let gap = span.start.since(*previous).max(previous.since(span.start));
            gap < 2 * MIN_DURATION
        };
        let mut start = previous
            .filter(is_next)
            .unwrap_or_else(|| (span.start + shift).max(first));
        let mut end = start + span.duration;
        if let Some(parent_end) = parent_end.map(|parent_end| parent_end.max(first))
            && end > parent_end
        {
            start = before(parent_end, span.duration).max(first);
            end = (start + span.duration).min(parent_end);
        }
        self.progress.last_span = Some((span.kind, end));
        let mut subsegment = Subsegment::new(name(span.kind), SegmentId::random(), start);
        subsegment.end_time = Some(end);
        subsegment
    }

    /// Records a fault and its cause once. Completes the open documents if the function
    /// timed out or crashed.
    fn record_fault(
        &mut self,
        report: &Report,
        end: Timestamp,
        context: &mut Context<'_>,
        recorded: &mut Recorded,
    ) {
        let Some(fault) = &report.status.fault else {
            return;
        };
        if std::mem::replace(&mut self.progress.fault, true) {
            return;
        }
        let start = self.progress.start_time.map_or(end, |start| start.latest);
        let cause = fault.cause(Some(end.since(start)));
        if fault.is_handled() {
            // The function or Lambda records the error itself.
            self.progress.cause = fault.error_type().map(|_| cause);
            return;
        }
        if let Some(selection) = self.selection(context.settings) {
            let completed = context.open_documents.complete(selection, end, &cause);
            recorded.completed.extend(completed);
        }
        if matches!(self.parent, Some(Parent::Lambda(_))) {
            let mut subsegment = Subsegment::new("Runtime done", SegmentId::random(), start);
            subsegment.end_time = Some(end);
            subsegment.fault = true;
            subsegment.cause = Some(cause);
            recorded.documents.extend(self.attach(subsegment));
        } else {
            self.progress.cause = Some(cause);
        }
    }

    /// The function segment, if it has changed since it was last recorded. X-Ray replaces the
    /// earlier one. Lambda reports the time of the extensions only with the next invocation,
    /// and until then the trace should not lack its segment.
    fn function_segment(
        &mut self,
        end: Timestamp,
        changes: SegmentChanges,
        settings: &PlatformSettings,
    ) -> Option<Document> {
        let Some(Parent::Own(id)) = self.parent else {
            return None;
        };
        let fault = self.progress.fault;
        let mut end = end;
        if let Some((known_end, known_fault)) = self.progress.segment {
            let growth = end.since(known_end);
            let is_longer = growth >= MIN_DURATION || (changes.spans && !growth.is_zero());
            if !is_longer && !changes.annotations && fault == known_fault {
                return None;
            }
            end = end.max(known_end);
        }
        self.progress.segment = Some((end, fault));
        let started = self.progress.start_time?.latest;
        let started = self
            .cold_start
            .suppressed_init
            .map_or(started, |init| init.min(started));
        let mut segment = self.own_segment(id, settings)?.started(started);
        segment.end_time = Some(end);
        segment.fault = fault;
        segment.cause = self.progress.cause.clone();
        segment.annotations = self.progress.annotations.clone();
        Some(Document::Segment(segment))
    }

    fn own_segment<'a>(
        &'a self,
        id: SegmentId,
        settings: &'a PlatformSettings,
    ) -> Option<FunctionSegment<'a>> {
        let start = self.start.as_ref()?;
        let invoke = self.invoke.as_ref();
        let caller = start.tracing.as_ref().map_or_else(
            || invoke.and_then(|invoke| invoke.caller),
            |tracing| tracing.parent,
        );
        Some(FunctionSegment {
            name: settings.function_segment.as_deref()?,
            trace_id: self.trace_id()?,
            id,
            parent_id: caller,
            request_id: &self.request_id,
            function_arn: invoke
                .and_then(|invoke| invoke.function_arn.as_deref())
                .or(start.function_arn.as_deref()),
        })
    }

    /// Reports the outcome once, and forgets the documents that the invocation left open: later
    /// ones of the same trace are not its own.
    fn record_outcome(&mut self, context: &mut Context<'_>, recorded: &mut Recorded) {
        let Some(report) = self.runtime_done.as_ref().or(self.report.as_ref()) else {
            return;
        };
        let Some(selection) = self.selection(context.settings) else {
            return;
        };
        if self.progress.outcome {
            return;
        }
        recorded.outcome = Some(InvocationOutcome {
            trace_id: selection.trace_id,
            is_sampled: self
                .start
                .as_ref()
                .is_some_and(|start| start.tracing.is_some()),
            fault: report.status.fault.is_some(),
            duration: report.metrics.duration_ms.and_then(milliseconds),
            cold_start: self.cold_start.is_cold,
        });
        self.progress.outcome = true;
        context.open_documents.take(selection);
    }

    /// The documents of this invocation; `None` if its trace is not known.
    fn selection(&self, settings: &PlatformSettings) -> Option<Selection> {
        let tracing = self.start.as_ref().and_then(|start| start.tracing.as_ref());
        Some(Selection {
            trace_id: self.trace_id()?,
            parents: tracing
                .filter(|_| settings.managed_instances)
                .map(|tracing| [tracing.span_id, tracing.parent]),
        })
    }

    fn annotations(&self, metrics: &Metrics) -> Annotations {
        let numbers = [
            ("billedDurationMs", &metrics.billed_duration_ms),
            ("memorySizeMB", &metrics.memory_size_mb),
            ("maxMemoryUsedMB", &metrics.max_memory_used_mb),
        ];
        let mut annotations: Annotations = numbers
            .into_iter()
            .filter_map(|(key, number)| {
                Some((key.to_owned(), AnnotationValue::Number(number.clone()?)))
            })
            .collect();
        if let Some(version) = self.start.as_ref().and_then(|start| start.version.clone()) {
            annotations.insert("functionVersion".to_owned(), version.into());
        }
        annotations
    }

    /// Makes an independent subsegment of the function segment, with an id of this invocation.
    fn attach(&self, mut subsegment: Subsegment) -> Option<Document> {
        let parent = match self.parent? {
            Parent::None => return None,
            Parent::Lambda(id) | Parent::Own(id) => id,
        };
        subsegment.id = salted(subsegment.id, &self.request_id);
        for part in &mut subsegment.subsegments {
            part.id = salted(part.id, &self.request_id);
        }
        let subsegment = subsegment.independent(self.trace_id()?, parent);
        Some(Document::Subsegment(Box::new(subsegment)))
    }
}

fn name(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::ResponseLatency => "Response latency",
        SpanKind::ResponseDuration => "Response duration",
        SpanKind::RuntimeOverhead => "Runtime overhead",
        SpanKind::ExtensionOverhead => "Extension overhead",
    }
}

/// The metrics that a span's event has: of the response, or of the whole invocation.
fn metadata(kind: SpanKind, metrics: &Metrics) -> Metadata {
    let metrics = match kind {
        SpanKind::ResponseDuration => Metrics {
            produced_bytes: metrics.produced_bytes.clone(),
            ..Metrics::default()
        },
        SpanKind::ExtensionOverhead => metrics.clone(),
        SpanKind::ResponseLatency | SpanKind::RuntimeOverhead => return Metadata::new(),
    };
    if (Metrics {
        duration_ms: None,
        ..metrics.clone()
    }) == Metrics::default()
    {
        return Metadata::new();
    }
    let value = to_raw_value(&metrics).ok();
    BTreeMap::from_iter(value.map(|value| (METADATA_NAMESPACE.to_owned(), value)))
}

fn before(time: Timestamp, duration: Duration) -> Timestamp {
    let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(time.as_micros().saturating_sub(micros))
}
