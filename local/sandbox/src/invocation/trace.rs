//! Lambda's use of the trace header (X-Ray Developer Guide, "AWS Lambda and AWS X-Ray"; Lambda
//! Developer Guide, "Visualize Lambda function invocations using AWS X-Ray").

use xray_document::{Sampled, SegmentId, Timestamp, TraceHeader, TraceId};

use crate::TracingMode;
use crate::platform::SampledTrace;

/// The trace of one invocation, with the sampling decision.
#[derive(Debug, Clone)]
pub(crate) struct Trace {
    /// The header that the runtime and the extensions receive.
    pub(crate) header: TraceHeader,
    /// Present if tracing is `Active` and the request is sampled: the platform sends segments.
    pub(crate) sampled: Option<SampledTrace>,
}

impl Trace {
    /// Continues the caller's trace, or begins one. Calls `sample` only if the caller did not
    /// decide.
    pub(crate) fn begin(
        mode: TracingMode,
        caller: Option<&TraceHeader>,
        function_arn: &str,
        sample: impl FnOnce() -> bool,
    ) -> Self {
        let root = caller.and_then(|header| header.root);
        let root = root.unwrap_or_else(new_root);
        let mut extra = caller
            .map(|header| header.extra.clone())
            .unwrap_or_default();
        if !extra
            .iter()
            .any(|(key, _)| key.eq_ignore_ascii_case("Lineage"))
        {
            extra.push(("Lineage".to_owned(), lineage(function_arn)));
        }
        if mode == TracingMode::PassThrough {
            // Since 2024 Lambda leaves out the parent and the decision.
            let header = TraceHeader {
                root: Some(root),
                extra,
                ..TraceHeader::default()
            };
            return Self {
                header,
                sampled: None,
            };
        }
        let is_sampled = match caller.map(|header| header.sampled) {
            Some(Sampled::Yes) => true,
            Some(Sampled::No) => false,
            Some(Sampled::Requested | Sampled::Undecided) | None => sample(),
        };
        let decision = if is_sampled {
            Sampled::Yes
        } else {
            Sampled::No
        };
        let function = SegmentId::random();
        let header = TraceHeader {
            extra,
            ..TraceHeader::new(root, function, decision)
        };
        let sampled = is_sampled.then(|| SampledTrace {
            root,
            parent: caller
                .filter(|header| header.root.is_some())
                .and_then(|header| header.parent),
            service: SegmentId::random(),
            function,
            header: header.clone(),
        });
        Self { header, sampled }
    }
}

fn new_root() -> TraceId {
    let seconds = Timestamp::now().as_micros() / 1_000_000;
    TraceId::random(u32::try_from(seconds).unwrap_or_default())
}

/// Lambda's own field, by which it detects recursive loops: `1:<8 hex digits of the resource>:0`.
fn lineage(function_arn: &str) -> String {
    // FNV-1a. Every hash would do that is stable for a function.
    let hash = function_arn.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    format!("1:{hash:08x}:0")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:lambda:eu-west-1:123456789012:function:orders";
    const ROOT: &str = "1-5759e988-bd862e3fe1be46a994272793";

    fn active(caller: &str, sample: bool) -> Trace {
        Trace::begin(
            TracingMode::Active,
            Some(&TraceHeader::parse(caller)),
            ARN,
            || sample,
        )
    }

    #[test]
    fn active_continues_the_callers_trace_under_its_own_segments() {
        let trace = active(
            &format!("Root={ROOT};Parent=53995c3f42cd8ad8;Sampled=1;Lineage=a:0"),
            false,
        );
        let sampled = trace.sampled.unwrap();
        assert_eq!(
            sampled.parent,
            Some(SegmentId::from_u64(0x5399_5c3f_42cd_8ad8))
        );
        assert_eq!(
            trace.header.to_string(),
            format!(
                "Root={ROOT};Parent={};Sampled=1;Lineage=a:0",
                sampled.function
            )
        );
        assert_eq!(
            sampled.telemetry_header().to_string(),
            format!(
                "Root={ROOT};Parent={};Sampled=1;Lineage=a:0",
                sampled.service
            )
        );
    }

    #[test]
    fn the_callers_decision_wins_over_sampling() {
        let yes = format!("Root={ROOT};Sampled=1");
        let no = format!("Root={ROOT};Parent=53995c3f42cd8ad8;Sampled=0");
        assert!(active(&yes, false).sampled.is_some());
        let unsampled = active(&no, true);
        assert!(unsampled.sampled.is_none());
        assert_eq!(unsampled.header.sampled, Sampled::No);
        assert!(active(&format!("Root={ROOT}"), true).sampled.is_some());
        assert!(
            active(&format!("Root={ROOT};Sampled=?"), false)
                .sampled
                .is_none()
        );
    }

    #[test]
    fn a_request_without_a_trace_begins_one() {
        let trace = Trace::begin(TracingMode::Active, None, ARN, || true);
        assert!(
            trace
                .sampled
                .is_some_and(|sampled| sampled.parent.is_none())
        );
        assert!(trace.header.to_string().contains(";Lineage=1:"));
    }

    #[test]
    fn pass_through_keeps_only_root_and_lineage() {
        let caller = TraceHeader::parse(&format!(
            "Root={ROOT};Parent=53995c3f42cd8ad8;Sampled=1;Lineage=a:0"
        ));
        let trace = Trace::begin(TracingMode::PassThrough, Some(&caller), ARN, || true);
        assert!(trace.sampled.is_none());
        assert_eq!(trace.header.to_string(), format!("Root={ROOT};Lineage=a:0"));
    }
}
