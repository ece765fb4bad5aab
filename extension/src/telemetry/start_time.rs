use std::time::Duration;

use xray_document::Timestamp;

/// The start of an invocation. Telemetry states it in whole milliseconds, cut off, so it is
/// known only to lie between two times.
///
/// A subsegment that begins at the earliest of these times may begin before the segment that
/// holds it. At the latest one it cannot, so subsegments begin there. Other clock readings of
/// the invocation bring the two times closer to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StartTime {
    pub(super) earliest: Timestamp,
    pub(super) latest: Timestamp,
}

/// The part of a millisecond that telemetry cuts off.
const CUT_OFF: Duration = Duration::from_micros(999);

impl StartTime {
    /// `time` is the time of `platform.start`.
    pub(super) fn new(time: Timestamp) -> Self {
        Self {
            earliest: time,
            latest: time + CUT_OFF,
        }
    }

    /// The invocation had started at `reading`. Ignored if that contradicts the telemetry, for
    /// example because a clock was set.
    pub(super) fn is_before(&mut self, reading: Timestamp) {
        if reading >= self.earliest {
            self.latest = self.latest.min(reading);
        }
    }

    /// A span that begins `offset` after the start has the start time `time` in telemetry.
    pub(super) fn precedes(&mut self, time: Timestamp, offset: Duration) {
        let offset = i64::try_from(offset.as_micros()).unwrap_or(i64::MAX);
        let earliest = Timestamp::from_micros(time.as_micros().saturating_sub(offset));
        let (earliest, latest) = (
            self.earliest.max(earliest),
            self.latest.min(earliest + CUT_OFF),
        );
        if earliest <= latest {
            *self = Self { earliest, latest };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    #[test]
    fn clock_readings_bring_the_start_closer_and_contradictions_are_ignored() {
        let mut start = StartTime::new(at(130_000));
        start.is_before(at(130_700));
        start.is_before(at(131_500));
        start.is_before(at(90_000));
        assert_eq!((start.earliest, start.latest), (at(130_000), at(130_700)));
        // A span that began 39.8 ms later is in millisecond 170, so the start is after 130.2.
        start.precedes(at(170_000), Duration::from_micros(39_800));
        assert_eq!((start.earliest, start.latest), (at(130_200), at(130_700)));
        start.precedes(at(190_000), Duration::from_micros(39_800));
        assert_eq!((start.earliest, start.latest), (at(130_200), at(130_700)));
    }

    proptest::proptest! {
        #[test]
        fn the_true_start_is_always_between_the_two_times(
            start in 1_000_000..2_000_000_i64,
            offsets in proptest::collection::vec(0..100_000_i64, 0..4),
            arrival in 0..5_000_i64,
        ) {
            let cut_off = |micros: i64| at(micros / 1_000 * 1_000);
            let mut known = StartTime::new(cut_off(start));
            known.is_before(at(start + arrival));
            for offset in offsets {
                known.precedes(cut_off(start + offset), Duration::from_micros(offset as u64));
            }
            proptest::prop_assert!(known.earliest <= at(start) && at(start) <= known.latest);
        }
    }
}
