use std::hash::{DefaultHasher, Hash, Hasher};

use xray_document::{SegmentId, Timestamp};

/// The share of undecided invocations that get a function segment. The defaults are those of X-Ray's
/// default rule: the first invocation of each second, and 5 % of the others (X-Ray Developer
/// Guide, sampling rules).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SamplingRule {
    /// The share of invocations beyond the reservoir, from 0 to 1.
    pub fixed_rate: f64,
    /// The number of invocations in each second before the fixed rate applies. Each environment
    /// counts by itself, as an SDK with local rules does.
    pub reservoir_size: usize,
}

impl Default for SamplingRule {
    fn default() -> Self {
        Self {
            fixed_rate: 0.05,
            reservoir_size: 1,
        }
    }
}

/// Applies a [`SamplingRule`].
#[derive(Debug, Default)]
pub(super) struct Sampler {
    rule: SamplingRule,
    reservoir: Reservoir,
}

/// Counts the first invocations of each second. By the wall clock, because the monotonic clock
/// may stop in a freeze.
#[derive(Debug, Default)]
pub(crate) struct Reservoir {
    /// The second since the epoch.
    second: i64,
    used: usize,
}

impl Reservoir {
    /// Returns whether `size` has room for one more in the second of `now`.
    pub(crate) fn take(&mut self, now: Timestamp, size: usize) -> bool {
        let second = now.as_micros().div_euclid(1_000_000);
        if second != self.second {
            (self.second, self.used) = (second, 0);
        }
        let has_room = self.used < size;
        self.used += usize::from(has_room);
        has_room
    }
}

impl Sampler {
    pub(super) fn new(rule: SamplingRule) -> Self {
        Self {
            rule,
            ..Self::default()
        }
    }

    /// Decides whether to record the invocation that arrived at `now`.
    pub(super) fn is_sampled(&mut self, request_id: &str, now: Timestamp) -> bool {
        self.decide(now, random_share(request_id))
    }

    /// `share` is a random number from 0 to 1, without 1.
    fn decide(&mut self, now: Timestamp, share: f64) -> bool {
        self.reservoir.take(now, self.rule.reservoir_size) || share < self.rule.fixed_rate
    }
}

/// A random number from 0 to 1, without 1. The request id is part of it, because environments
/// that are restored from one SnapStart snapshot have the same random state.
fn random_share(request_id: &str) -> f64 {
    let bits = salted(SegmentId::random(), request_id).as_u64();
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// Mixes a request id into a random id.
pub(super) fn salted(id: SegmentId, request_id: &str) -> SegmentId {
    let mut hasher = DefaultHasher::new();
    (id.as_u64(), request_id).hash(&mut hasher);
    // Zero is not a valid id in W3C's form.
    SegmentId::from_u64(hasher.finish().max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampled(rule: SamplingRule, times: impl IntoIterator<Item = i64>, share: f64) -> usize {
        let mut sampler = Sampler::new(rule);
        let decisions = times
            .into_iter()
            .filter(|&micros| sampler.decide(Timestamp::from_micros(micros), share));
        decisions.count()
    }

    #[test]
    fn by_default_the_first_of_each_second_and_five_percent_are_sampled() {
        let three_seconds = (0..300).map(|n| n * 10_000);
        let rule = SamplingRule::default();
        assert_eq!(sampled(rule, three_seconds.clone(), 0.05), 3);
        assert_eq!(sampled(rule, three_seconds, 0.049), 300);
    }

    #[test]
    fn a_rate_of_one_samples_all_and_zeros_sample_none() {
        let rule = |fixed_rate, reservoir_size| SamplingRule {
            fixed_rate,
            reservoir_size,
        };
        assert_eq!(sampled(rule(1.0, 0), 0..100, 0.999), 100);
        assert_eq!(sampled(rule(0.0, 0), 0..100, 0.0), 0);
        assert_eq!(sampled(rule(0.0, 7), 0..100, 0.0), 7);
    }

    #[test]
    fn a_clock_that_goes_back_fills_the_reservoir_again() {
        let rule = SamplingRule {
            fixed_rate: 0.0,
            reservoir_size: 1,
        };
        assert_eq!(sampled(rule, [5_000_000, 5_000_001, 1_000_000], 0.0), 2);
    }

    #[test]
    fn random_shares_are_spread_over_the_range() {
        let low = (0..1_000).filter(|_| random_share("r-1") < 0.5).count();
        assert!((300..700).contains(&low), "{low}");
    }
}
