//! The segments and annotations that the extension makes of the platform's events.

use super::variable::{Variable, Variables};
use crate::telemetry::SamplingRule;

pub(super) const FUNCTION_SEGMENT: Variable = Variable {
    name: "XRAY_LAMBDA_FUNCTION_SEGMENT",
    default: "false",
    description: "`true` records a segment for the function if Lambda records none (tracing mode PassThrough)",
};

pub(super) const FUNCTION_SEGMENT_FIXED_RATE: Variable = Variable {
    name: "XRAY_LAMBDA_FUNCTION_SEGMENT_FIXED_RATE",
    default: "0.05",
    description: "The share of these segments, from 0 to 1, if the trace header has no sampling decision and the reservoir is used up",
};

pub(super) const FUNCTION_SEGMENT_RESERVOIR_SIZE: Variable = Variable {
    name: "XRAY_LAMBDA_FUNCTION_SEGMENT_RESERVOIR_SIZE",
    default: "1",
    description: "The number of these segments in each second before the fixed rate applies, in each environment",
};

pub(super) const PLATFORM_ANNOTATIONS: Variable = Variable {
    name: "XRAY_LAMBDA_PLATFORM_ANNOTATIONS",
    default: "false",
    description: "`true` records `billedDurationMs`, `memorySizeMB`, `maxMemoryUsedMB` and `functionVersion` as annotations",
};

/// The sampling of function segments.
pub(super) fn sampling(get: Variables<'_>, warnings: &mut Vec<String>) -> SamplingRule {
    SamplingRule {
        fixed_rate: FUNCTION_SEGMENT_FIXED_RATE.share(get, warnings),
        reservoir_size: FUNCTION_SEGMENT_RESERVOIR_SIZE.number(get, warnings),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_xrays_default_rule() {
        let mut warnings = Vec::new();
        assert_eq!(sampling(&|_| None, &mut warnings), SamplingRule::default());
        assert_eq!(warnings, Vec::<String>::new());
    }

    #[test]
    fn a_rate_outside_0_to_1_gives_a_warning_and_the_default() {
        for (value, fixed_rate, is_wrong) in [
            ("0", 0.0, false),
            (" 1 ", 1.0, false),
            ("0.25", 0.25, false),
            ("5", 0.05, true),
            ("-0.1", 0.05, true),
            ("NaN", 0.05, true),
            ("5%", 0.05, true),
        ] {
            let mut warnings = Vec::new();
            let share =
                FUNCTION_SEGMENT_FIXED_RATE.share(&|_| Some(value.to_owned()), &mut warnings);
            assert_eq!(
                (share, !warnings.is_empty()),
                (fixed_rate, is_wrong),
                "{value}"
            );
        }
    }
}
