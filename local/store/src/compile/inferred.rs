use std::collections::HashSet;

use xray_document::{Aws, Document, Namespace, Segment, SegmentId, Subsegment, TraceId};

/// Infers a segment for each called service that did not send one: for each call (a
/// subsegment with a namespace) that no segment names as its parent (X-Ray Developer Guide,
/// "inferred segments"). A call marked `traced` is skipped, because its callee sends its
/// own segment.
pub(crate) fn segments(trace_id: TraceId, documents: &[Document]) -> Vec<Segment> {
    let mut callers = HashSet::new();
    for document in documents {
        if let Document::Segment(segment) = document {
            callers.extend(segment.parent_id);
        }
    }
    let mut inferred = Vec::new();
    for document in documents {
        match document {
            Document::Segment(segment) => {
                for subsegment in &segment.subsegments {
                    collect(trace_id, subsegment, &callers, &mut inferred);
                }
            }
            Document::Subsegment(subsegment) => {
                collect(trace_id, subsegment, &callers, &mut inferred);
            }
        }
    }
    inferred.sort_by_key(|segment| (segment.start_time, segment.id));
    inferred
}

fn collect(
    trace_id: TraceId,
    subsegment: &Subsegment,
    callers: &HashSet<SegmentId>,
    inferred: &mut Vec<Segment>,
) {
    let traced = is_traced(subsegment);
    if subsegment.namespace.is_some() && !traced && !callers.contains(&subsegment.id) {
        inferred.push(infer(trace_id, subsegment));
    }
    for child in &subsegment.subsegments {
        collect(trace_id, child, callers, inferred);
    }
}

/// Returns `true` if the call is marked `traced`: its callee sends its own segment (X-Ray
/// Developer Guide, segment documents, `http.request.traced`).
pub(crate) fn is_traced(subsegment: &Subsegment) -> bool {
    let request = subsegment
        .http
        .as_ref()
        .and_then(|http| http.request.as_ref());
    request.is_some_and(|request| request.traced)
}

fn infer(trace_id: TraceId, call: &Subsegment) -> Segment {
    let id = derived_id(trace_id, call.id);
    let mut segment = Segment::new(call.name.clone(), trace_id, id, call.start_time);
    segment.parent_id = Some(call.id);
    segment.end_time = call.end_time;
    segment.in_progress = call.is_in_progress();
    segment.inferred = true;
    segment.http.clone_from(&call.http);
    segment.aws.clone_from(&call.aws);
    segment.error = call.error;
    segment.throttle = call.throttle;
    segment.fault = call.fault;
    if call.namespace == Some(Namespace::Aws) {
        segment.origin = Some(resource(&call.name, &call.aws).kind);
    }
    segment
}

/// Derives the id of an inferred segment from its call, so that the id stays the same each
/// time the trace is compiled.
fn derived_id(trace_id: TraceId, call: SegmentId) -> SegmentId {
    let trace = trace_id.as_u128();
    let mut bits = call.as_u64() ^ trace as u64 ^ (trace >> 64) as u64;
    // SplitMix64's finalizer is a bijection, so two calls of one trace get different ids.
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    SegmentId::from_u64((bits ^ bits >> 31).max(1))
}

/// The AWS resource that a call was made to, as a node of the service graph.
pub(crate) struct Resource {
    /// The resource type, such as `AWS::DynamoDB::Table`; `AWS::` and the service name if
    /// the resource is not known.
    pub(crate) kind: String,
    /// The name of the resource, if it is known.
    pub(crate) name: Option<String>,
}

/// Returns the resource of an AWS call, given the name and the `aws` object of its
/// subsegment.
pub(crate) fn resource(service: &str, aws: &Aws) -> Resource {
    let service = service_name(service);
    let found = |kind: &str, name: String| Resource {
        kind: kind.to_owned(),
        name: Some(name),
    };
    match service.as_str() {
        "DynamoDB" => {
            if let Some(table) = aws.str("table_name") {
                return found("AWS::DynamoDB::Table", table);
            }
        }
        "SQS" => {
            if let Some(url) = aws.str("queue_url") {
                let queue = url.rsplit('/').next().unwrap_or(&url);
                return found("AWS::SQS::Queue", queue.to_owned());
            }
        }
        "S3" => {
            if let Some(bucket) = aws.str("bucket_name") {
                return found("AWS::S3::Bucket", bucket);
            }
        }
        _ => {}
    }
    Resource {
        kind: format!("AWS::{service}"),
        name: None,
    }
}

/// Returns a service name in X-Ray's spelling. SDKs spell names differently: `dynamodb` in
/// boto3, `DynamoDB` in the Go SDK.
fn service_name(name: &str) -> String {
    let known = [
        "ApiGateway",
        "AppSync",
        "Athena",
        "Bedrock",
        "CloudWatch",
        "DynamoDB",
        "EC2",
        "ECS",
        "EventBridge",
        "Events",
        "Firehose",
        "IAM",
        "KMS",
        "Kinesis",
        "Lambda",
        "RDS",
        "S3",
        "SES",
        "SNS",
        "SQS",
        "SSM",
        "STS",
        "SageMaker",
        "SecretsManager",
        "StepFunctions",
    ];
    let plain: String = name.chars().filter(|c| !c.is_whitespace()).collect();
    let canonical = known
        .iter()
        .find(|known| known.eq_ignore_ascii_case(&plain));
    canonical.map_or(plain, |&known| known.to_owned())
}
