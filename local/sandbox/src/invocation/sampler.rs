use std::time::{Duration, Instant};

use crate::SamplingMode;

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
