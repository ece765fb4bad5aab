use xray_document::{Segment, SegmentId, Timestamp, TraceId};

/// The function segment that this project records if Lambda records none: with the same fields
/// as Lambda's own.
#[derive(Debug)]
pub(super) struct FunctionSegment<'a> {
    pub(super) name: &'a str,
    pub(super) trace_id: TraceId,
    pub(super) id: SegmentId,
    /// The caller; `None` if this segment is the first of its trace.
    pub(super) parent_id: Option<SegmentId>,
    pub(super) request_id: &'a str,
    pub(super) function_arn: Option<&'a str>,
}

impl FunctionSegment<'_> {
    /// Creates the segment, in progress.
    pub(super) fn started(&self, start: Timestamp) -> Box<Segment> {
        let mut segment = Segment::new(self.name, self.trace_id, self.id, start);
        segment.parent_id = self.parent_id;
        segment.origin = Some("AWS::Lambda::Function".to_owned());
        segment.aws.set("request_id", self.request_id);
        if let Some(arn) = self.function_arn {
            segment.aws.set("function_arn", arn);
            segment.aws.set("resource_names", [self.name]);
            if let Some(account) = arn.split(':').nth(4) {
                segment.aws.set("account_id", account);
            }
            segment.resource_arn = Some(arn.to_owned());
        }
        Box::new(segment)
    }
}
