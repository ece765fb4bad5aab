use std::time::{Duration, Instant};

use crate::SamplingMode;

/// Samples the requests of one function whose callers did not decide.
#[derive(Debug)]
pub(crate) struct Sampler {
    mode: SamplingMode,
    /// The start of the current second: when the last guaranteed request arrived.
    second: Option<Instant>,
}

/// Lambda's default rule samples the first request of each second, and this share of the rest
/// (Lambda Developer Guide, "Visualize Lambda function invocations using AWS X-Ray").
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
        let is_first = self
            .second
            .is_none_or(|second| now.duration_since(second) >= Duration::from_secs(1));
        if is_first {
            self.second = Some(now);
        }
        is_first || chance < FIXED_RATE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lambdas_rule_samples_the_first_of_each_second_and_five_percent() {
        let mut sampler = Sampler::new(SamplingMode::Lambda);
        let start = Instant::now();
        assert!(sampler.sample(start, 0.9));
        assert!(!sampler.sample(start + Duration::from_millis(500), 0.05));
        assert!(sampler.sample(start + Duration::from_millis(600), 0.04));
        assert!(sampler.sample(start + Duration::from_secs(1), 0.9));
    }
}
