//! Derives from a compiled trace the summary that `GetTraceSummaries` returns.
//!
//! Root causes are not implemented yet. They belong in a module of their own here, with a
//! [`Trace`] as their input.

mod annotations;
mod distinct;
mod entities;
mod services;

use std::collections::HashSet;

use xray_document::{Document, Segment, SegmentId};

use crate::contract::{ServiceId, SummaryHttp, Trace, TraceSummary};
use crate::fields::start_time;
use annotations::AnnotationIndex;
use distinct::{add_distinct, distinct};
use entities::Entities;
use services::Services;

/// Derives the summary of `trace`. [`TraceSummary`] documents the rule for each field.
pub(crate) fn summarize(trace: &Trace, revision: u64) -> TraceSummary {
    let entities = Entities::new(trace);
    let services = Services::new(trace);
    let root = root(trace, &entities.ids);
    let received = || {
        trace
            .segments
            .iter()
            .filter(|segment| !is_inferred(&segment.document))
    };
    let segments = || received().filter_map(|segment| as_segment(&segment.document));
    let start = segments().map(|segment| segment.start_time).min();
    let start = start.or_else(|| received().map(|s| start_time(&s.document)).min());

    let mut annotations = AnnotationIndex::default();
    for segment in received() {
        annotations.collect(&segment.document, services.of_segment(segment.id));
    }

    TraceSummary {
        id: trace.id,
        start_time: start.unwrap_or_default(),
        duration: trace.duration,
        response_time: root.and_then(response_time),
        has_fault: root.is_some_and(|root| root.fault),
        has_error: root.is_some_and(|root| root.error),
        has_throttle: segments().any(|segment| segment.throttle),
        is_partial: is_partial(trace, &entities),
        http: root.map(http).unwrap_or_default(),
        cold_start: annotations.has_cold_start() || segments().any(has_init_subsegment),
        annotations: annotations.into_map(),
        users: users(segments(), &services),
        resource_arns: distinct(segments().flat_map(resource_arns)),
        instance_ids: distinct(segments().filter_map(|s| aws_field(s, "ec2", "instance_id"))),
        availability_zones: distinct(segments().filter_map(|segment| {
            aws_field(segment, "ec2", "availability_zone")
                .or_else(|| aws_field(segment, "ecs", "availability_zone"))
        })),
        entry_point: root.and_then(|root| services.of_segment(root.id).cloned()),
        service_ids: services.into_nodes(),
        revision,
    }
}

/// Returns the distinct users, each with the services whose segments name it.
fn users<'a>(
    segments: impl Iterator<Item = &'a Segment>,
    services: &Services,
) -> Vec<(String, Vec<ServiceId>)> {
    let mut users: Vec<(String, Vec<ServiceId>)> = Vec::new();
    for segment in segments {
        let Some(user) = &segment.user else {
            continue;
        };
        let at = users
            .iter()
            .position(|(name, _)| name == user)
            .unwrap_or_else(|| {
                users.push((user.clone(), Vec::new()));
                users.len() - 1
            });
        add_distinct(&mut users[at].1, services.of_segment(segment.id).cloned());
    }
    users
}

/// Returns the earliest segment whose parent is not in the trace.
fn root<'a>(trace: &'a Trace, ids: &HashSet<SegmentId>) -> Option<&'a Segment> {
    let segments = trace
        .segments
        .iter()
        .filter_map(|segment| as_segment(&segment.document));
    segments
        .filter(|segment| !segment.inferred)
        .filter(|segment| {
            segment
                .parent_id
                .is_none_or(|parent| !ids.contains(&parent))
        })
        .min_by_key(|segment| (segment.start_time, segment.id))
}

/// See [`TraceSummary::is_partial`].
fn is_partial(trace: &Trace, entities: &Entities) -> bool {
    let unfinished = trace.segments.iter().any(|entry| match &entry.document {
        Document::Segment(segment) => !segment.inferred && segment.is_in_progress(),
        Document::Subsegment(_) => true,
    });
    unfinished || entities.has_missing_callee()
}

fn response_time(root: &Segment) -> Option<f64> {
    Some(root.end_time?.since(root.start_time).as_secs_f64())
}

fn http(root: &Segment) -> SummaryHttp {
    let http = root.http.clone().unwrap_or_default();
    let request = http.request.unwrap_or_default();
    SummaryHttp {
        url: request.url,
        status: http.response.and_then(|response| response.status),
        method: request.method,
        user_agent: request.user_agent,
        client_ip: request.client_ip,
    }
}

fn resource_arns(segment: &Segment) -> impl Iterator<Item = String> {
    segment
        .resource_arn
        .clone()
        .into_iter()
        .chain(segment.aws.str("function_arn"))
}

/// Returns the string `aws.<object>.<key>` of a segment.
fn aws_field(segment: &Segment, object: &str, key: &str) -> Option<String> {
    let object: serde_json::Map<String, serde_json::Value> = segment.aws.get(object)?;
    object.get(key)?.as_str().map(str::to_owned)
}

/// Returns `true` if a function's segment contains the start of its environment. Lambda names
/// this subsegment `Initialization`, on Managed Instances `Init`; `xray-local` names it `Init`.
fn has_init_subsegment(segment: &Segment) -> bool {
    segment
        .origin
        .as_deref()
        .is_some_and(|origin| origin.starts_with("AWS::Lambda"))
        && segment
            .subsegments
            .iter()
            .any(|s| matches!(s.name.as_str(), "Init" | "Initialization"))
}

fn as_segment(document: &Document) -> Option<&Segment> {
    match document {
        Document::Segment(segment) => Some(segment),
        Document::Subsegment(_) => None,
    }
}

fn is_inferred(document: &Document) -> bool {
    as_segment(document).is_some_and(|segment| segment.inferred)
}
