use std::time::Duration;

/// Estimates a quantile of durations in bounded memory: a histogram whose bounds grow by 9 %.
#[derive(Debug)]
pub(super) struct Quantile {
    counts: [u32; BUCKETS],
    total: u32,
}

/// Buckets for each doubling of the duration.
const PER_OCTAVE: f64 = 8.0;

/// From 0.1 ms to the longest invocation, 15 minutes.
const BUCKETS: usize = 192;

/// With fewer durations, the 99th percentile is not known.
const MIN_DURATIONS: u32 = 100;

/// After so many durations, old ones count half: the estimate follows a function that changes.
const MAX_DURATIONS: u32 = 10_000;

impl Default for Quantile {
    fn default() -> Self {
        Self {
            counts: [0; BUCKETS],
            total: 0,
        }
    }
}

impl Quantile {
    /// Adds a duration.
    pub(super) fn add(&mut self, duration: Duration) {
        if self.total == MAX_DURATIONS {
            self.counts.iter_mut().for_each(|count| *count /= 2);
            self.total = self.counts.iter().sum();
        }
        self.counts[bucket(duration)] += 1;
        self.total += 1;
    }

    /// Returns whether the duration is over this percentile of those so far; false while there
    /// are fewer than 100. Durations that differ by less than 9 % may count as equal.
    pub(super) fn is_over(&self, percent: u32, duration: Duration) -> bool {
        if self.total < MIN_DURATIONS {
            return false;
        }
        let rank = u64::from(self.total) * u64::from(percent);
        let mut seen = 0;
        let at = self.counts.iter().position(|count| {
            seen += u64::from(*count) * 100;
            seen >= rank
        });
        at.is_some_and(|at| bucket(duration) > at)
    }
}

fn bucket(duration: Duration) -> usize {
    let tenths = (duration.as_secs_f64() * 10_000.0).max(1.0);
    ((tenths.log2() * PER_OCTAVE) as usize).min(BUCKETS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_duration_over_the_percentile_so_far_is_found() {
        let mut durations = Quantile::default();
        for n in 0..99 {
            durations.add(ms(n));
            assert!(!durations.is_over(99, ms(900_000)));
        }
        durations.add(ms(99));
        assert!(durations.is_over(99, ms(120)) && !durations.is_over(99, ms(95)));
        assert!(durations.is_over(50, ms(60)) && !durations.is_over(50, ms(40)));
        assert!(durations.is_over(99, Duration::MAX));
    }

    #[test]
    fn the_percentile_follows_a_function_that_becomes_slower() {
        let mut durations = Quantile::default();
        (0..MAX_DURATIONS).for_each(|_| durations.add(ms(10)));
        assert!(durations.is_over(99, ms(100)));
        (0..MAX_DURATIONS).for_each(|_| durations.add(ms(100)));
        assert!(!durations.is_over(99, ms(100)));
    }
}
