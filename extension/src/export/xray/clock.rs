use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

/// AWS's clock: the clock of this machine, corrected by the `Date` of AWS's responses.
///
/// AWS rejects a signature whose time differs from its own clock by more than five minutes
/// (IAM User Guide, "Elements of an AWS API request signature").
#[derive(Debug, Default)]
pub(super) struct Clock {
    offset_seconds: AtomicI64,
}

/// The smallest difference that is corrected. It leaves a minute of AWS's five, because
/// `Date` has whole seconds and a request takes time to arrive.
const MAX_SKEW: Duration = Duration::from_secs(4 * 60);

impl Clock {
    /// The time by AWS's clock.
    pub(super) fn now(&self) -> SystemTime {
        self.correct(SystemTime::now())
    }

    /// Reads the `Date` of a response to a request that was sent at `sent`. Returns whether the
    /// clock was wrong, and is now corrected.
    ///
    /// The sandbox may have been frozen while it waited for the response. A date between both
    /// times is therefore right, even if it is old.
    pub(super) fn learn(&self, date: &str, sent: SystemTime, received: SystemTime) -> bool {
        let Ok(date) = httpdate::parse_http_date(date) else {
            return false;
        };
        let (earliest, latest) = (self.correct(sent), self.correct(received));
        let offset = if date + MAX_SKEW < earliest {
            difference(date, sent)
        } else if date > latest + MAX_SKEW {
            difference(date, received)
        } else {
            return false;
        };
        self.offset_seconds.store(offset, Ordering::Relaxed);
        true
    }

    fn correct(&self, time: SystemTime) -> SystemTime {
        let offset = self.offset_seconds.load(Ordering::Relaxed);
        let magnitude = Duration::from_secs(offset.unsigned_abs());
        let corrected = if offset < 0 {
            time.checked_sub(magnitude)
        } else {
            time.checked_add(magnitude)
        };
        corrected.unwrap_or(time)
    }
}

/// `a - b` in seconds.
fn difference(a: SystemTime, b: SystemTime) -> i64 {
    match a.duration_since(b) {
        Ok(ahead) => ahead.as_secs() as i64,
        Err(behind) => -(behind.duration().as_secs() as i64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: &str = "Sun, 01 Mar 2026 12:00:00 GMT";

    fn noon() -> SystemTime {
        httpdate::parse_http_date(NOON).unwrap()
    }

    #[test]
    fn a_clock_that_is_wrong_by_more_than_four_minutes_is_corrected_in_both_directions() {
        const HOUR: Duration = Duration::from_secs(3_600);
        for local in [noon() - HOUR, noon() + HOUR] {
            let clock = Clock::default();
            assert!(clock.learn(NOON, local, local));
            assert_eq!(clock.correct(local), noon());
            assert!(!clock.learn(NOON, local, local), "it is right now");
        }
        let clock = Clock::default();
        let local = noon() + MAX_SKEW;
        assert!(!clock.learn(NOON, local, local));
        assert_eq!(clock.correct(local), local);
    }

    #[test]
    fn a_response_that_waited_in_a_freeze_corrects_nothing() {
        let clock = Clock::default();
        assert!(!clock.learn(NOON, noon(), noon() + Duration::from_secs(7_200)));
    }

    #[test]
    fn a_malformed_date_corrects_nothing() {
        let clock = Clock::default();
        for date in ["", "noon", "2026-03-01T12:00:00Z"] {
            assert!(!clock.learn(date, SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH));
        }
    }
}
