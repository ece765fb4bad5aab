//! What Lambda does with the trace header (X-Ray Developer Guide, "AWS Lambda and AWS
//! X-Ray"; Lambda Developer Guide, "Visualize Lambda function invocations").

use std::time::{Duration, Instant};

use xray_document::{Sampled, SegmentId, Timestamp, TraceHeader, TraceId};

use crate::platform::telemetry::Tracing;
use crate::{SamplingMode, TracingMode};

/// The tracing of one invocation, decided.
#[derive(Debug, Clone)]
pub(crate) struct Trace {
    pub(crate) root: TraceId,
    /// The caller's segment or subsegment.
    pub(crate) upstream: Option<SegmentId>,
    /// The `AWS::Lambda` segment.
    pub(crate) service: SegmentId,
    /// The `AWS::Lambda::Function` segment.
    pub(crate) function: SegmentId,
    /// Active and sampled: the platform draws its segments.
    pub(crate) recorded: bool,
    /// What the runtime and the extensions get.
    pub(crate) header: TraceHeader,
}

impl Trace {
    /// Continues the caller's trace or begins one. `sample` is asked only where the
    /// caller has not decided.
    pub(crate) fn begin(
        mode: TracingMode,
        caller: Option<&TraceHeader>,
        function_arn: &str,
        sample: impl FnOnce() -> bool,
    ) -> Self {
        let now = Timestamp::now().as_micros() / 1_000_000;
        let root = caller.and_then(|header| header.root);
        let root = root.unwrap_or_else(|| TraceId::random(u32::try_from(now).unwrap_or_default()));
        let upstream = caller
            .filter(|header| header.root.is_some())
            .and_then(|header| header.parent);
        let (service, function) = (SegmentId::random(), SegmentId::random());
        let mut extra = caller
            .map(|header| header.extra.clone())
            .unwrap_or_default();
        if !extra
            .iter()
            .any(|(key, _)| key.eq_ignore_ascii_case("Lineage"))
        {
            extra.push(("Lineage".to_owned(), lineage(function_arn)));
        }
        let (header, recorded) = match mode {
            // Neither parent nor decision: Lambda leaves both out since 2024.
            TracingMode::PassThrough => (
                TraceHeader {
                    root: Some(root),
                    extra,
                    ..TraceHeader::default()
                },
                false,
            ),
            TracingMode::Active => {
                let sampled = match caller.map(|header| header.sampled) {
                    Some(Sampled::Yes) => true,
                    Some(Sampled::No) => false,
                    Some(Sampled::Requested | Sampled::Undecided) | None => sample(),
                };
                let decision = if sampled { Sampled::Yes } else { Sampled::No };
                (
                    TraceHeader {
                        extra,
                        ..TraceHeader::new(root, function, decision)
                    },
                    sampled,
                )
            }
        };
        Self {
            root,
            upstream,
            service,
            function,
            recorded,
            header,
        }
    }

    /// `tracing` of telemetry: its span is the function segment, its header's parent
    /// the service segment.
    pub(crate) fn telemetry(&self) -> Option<Tracing> {
        let value = TraceHeader {
            parent: Some(self.service),
            ..self.header.clone()
        };
        self.recorded.then(|| Tracing {
            span_id: self.function,
            value: value.to_string(),
        })
    }
}

/// Lambda's own field, by which it notices loops: `1:<8 hex digits of the resource>:0`.
fn lineage(function_arn: &str) -> String {
    // FNV-1a: any hash that stays the same for a function.
    let hash = function_arn.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    format!("1:{hash:08x}:0")
}

/// Decides for a function where the caller has not.
#[derive(Debug)]
pub(crate) struct Sampler {
    mode: SamplingMode,
    second: Option<Instant>,
}

/// Lambda's default rule: the first request of each second, and 5 % of the rest.
const FIXED_RATE: f64 = 0.05;

impl Sampler {
    pub(crate) fn new(mode: SamplingMode) -> Self {
        Self { mode, second: None }
    }

    /// `chance` is a random number below 1.
    pub(crate) fn sample(&mut self, now: Instant, chance: f64) -> bool {
        if self.mode == SamplingMode::Everything {
            return true;
        }
        let fresh = self
            .second
            .is_none_or(|second| now.duration_since(second) >= Duration::from_secs(1));
        if fresh {
            self.second = Some(now);
        }
        fresh || chance < FIXED_RATE
    }
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
    fn active_continues_the_callers_trace_beneath_its_own_segments() {
        let trace = active(
            &format!("Root={ROOT};Parent=53995c3f42cd8ad8;Sampled=1;Lineage=a:0"),
            false,
        );
        assert_eq!(
            trace.upstream,
            Some(SegmentId::from_u64(0x5399_5c3f_42cd_8ad8))
        );
        assert!(trace.recorded);
        assert_eq!(
            trace.header.to_string(),
            format!(
                "Root={ROOT};Parent={};Sampled=1;Lineage=a:0",
                trace.function
            )
        );
        let tracing = trace.telemetry().unwrap();
        assert_eq!(tracing.span_id, trace.function);
        assert_eq!(
            tracing.value,
            format!("Root={ROOT};Parent={};Sampled=1;Lineage=a:0", trace.service)
        );
    }

    #[test]
    fn the_callers_decision_stands_and_only_an_open_one_is_made() {
        let yes = format!("Root={ROOT};Sampled=1");
        let no = format!("Root={ROOT};Parent=53995c3f42cd8ad8;Sampled=0");
        assert!(active(&yes, false).recorded);
        let unsampled = active(&no, true);
        assert!(!unsampled.recorded && unsampled.telemetry().is_none());
        assert_eq!(unsampled.header.sampled, Sampled::No);
        assert!(active(&format!("Root={ROOT}"), true).recorded);
        assert!(!active(&format!("Root={ROOT};Sampled=?"), false).recorded);
    }

    #[test]
    fn without_a_caller_a_trace_begins() {
        let trace = Trace::begin(TracingMode::Active, None, ARN, || true);
        assert!(trace.upstream.is_none() && trace.recorded);
        assert!(trace.header.to_string().contains(";Lineage=1:"));
    }

    #[test]
    fn pass_through_hands_on_root_and_lineage_alone() {
        let caller = TraceHeader::parse(&format!(
            "Root={ROOT};Parent=53995c3f42cd8ad8;Sampled=1;Lineage=a:0"
        ));
        let trace = Trace::begin(TracingMode::PassThrough, Some(&caller), ARN, || true);
        assert!(!trace.recorded && trace.telemetry().is_none());
        assert_eq!(trace.header.to_string(), format!("Root={ROOT};Lineage=a:0"));
    }

    #[test]
    fn as_lambda_samples_the_first_of_each_second_and_five_percent() {
        let mut sampler = Sampler::new(SamplingMode::Lambda);
        let start = Instant::now();
        assert!(sampler.sample(start, 0.9));
        assert!(!sampler.sample(start + Duration::from_millis(500), 0.05));
        assert!(sampler.sample(start + Duration::from_millis(600), 0.04));
        assert!(sampler.sample(start + Duration::from_secs(1), 0.9));
    }
}
