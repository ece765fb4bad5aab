use std::time::{Duration, Instant, SystemTime};

/// Learns from the times of INVOKE whether the next one follows soon.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Traffic {
    /// The time of the last INVOKE by both clocks.
    pub(super) last: Option<(Instant, SystemTime)>,
    /// One bit for each of the last 16 gaps between two INVOKEs, the last gap lowest. The bit is
    /// 1 if the gap was short.
    short_gaps: u16,
}

/// The longest gap of dense traffic.
///
/// If documents wait for the next INVOKE, a trace can be incomplete for this long. To hold the
/// invocation instead takes one round trip to X-Ray, some tens of milliseconds. This is less than
/// 1 % of a longer gap.
const MAX_SHORT_GAP: Duration = Duration::from_secs(5);

/// Traffic is dense if at least this many of the last 16 gaps were short, and the last gap was.
///
/// One long gap is allowed, so that a clock that was set forward, or one pause, changes only the
/// invocation after it. If invocations arrive at random, traffic is usually dense above one
/// invocation in 1.5 s, and usually not below one in 3 s.
const MIN_SHORT_GAPS: u32 = 15;

impl Traffic {
    /// Handles an INVOKE, at a time that both clocks show. Returns how long the monotonic clock
    /// has stood still since the INVOKE before.
    ///
    /// In a freeze the monotonic clock may stop, and only the wall clock shows the gap. A wall
    /// clock that was set back shows too little: the gap is at least the monotonic one.
    pub(super) fn on_invoke(&mut self, now: Instant, wall: SystemTime) -> Duration {
        let Some((last, last_wall)) = self.last.replace((now, wall)) else {
            return Duration::ZERO;
        };
        let awake = now.saturating_duration_since(last);
        let stopped = wall
            .duration_since(last_wall)
            .unwrap_or_default()
            .saturating_sub(awake);
        let is_short = awake + stopped <= MAX_SHORT_GAP;
        self.short_gaps = (self.short_gaps << 1) | u16::from(is_short);
        stopped
    }

    /// Returns whether the next INVOKE will probably follow within five seconds.
    pub(super) fn is_dense(&self) -> bool {
        self.short_gaps & 1 == 1 && self.short_gaps.count_ones() >= MIN_SHORT_GAPS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two clocks that a test sets.
    struct Clocks {
        traffic: Traffic,
        monotonic: Instant,
        wall: SystemTime,
    }

    impl Clocks {
        fn new() -> Self {
            let mut clocks = Self {
                traffic: Traffic::default(),
                monotonic: Instant::now(),
                wall: SystemTime::now(),
            };
            clocks.invoke();
            clocks
        }

        /// With dense traffic.
        fn dense() -> Self {
            let mut clocks = Self::new();
            for _ in 0..16 {
                clocks.after(100, 100);
            }
            assert!(clocks.traffic.is_dense());
            clocks
        }

        fn invoke(&mut self) -> Duration {
            self.traffic.on_invoke(self.monotonic, self.wall)
        }

        /// An INVOKE after these gaps in milliseconds. Returns whether traffic is dense.
        fn after(&mut self, monotonic: u64, wall: u64) -> bool {
            self.monotonic += Duration::from_millis(monotonic);
            self.wall += Duration::from_millis(wall);
            self.invoke();
            self.traffic.is_dense()
        }
    }

    #[test]
    fn fifteen_short_gaps_make_traffic_dense() {
        let mut clocks = Clocks::new();
        for gap in 1..=15 {
            assert_eq!(clocks.after(5_000, 5_000), gap == 15, "gap {gap}");
        }
        let mut sparse = Clocks::new();
        assert!((0..100).all(|_| !sparse.after(5_001, 5_001)));
    }

    #[test]
    fn a_gap_in_which_the_monotonic_clock_stopped_is_long() {
        let mut clocks = Clocks::new();
        assert!((0..100).all(|_| !clocks.after(1, 60_000)));
    }

    #[test]
    fn a_pause_or_a_clock_set_forward_changes_one_invocation() {
        let mut clocks = Clocks::dense();
        assert!(!clocks.after(100, 3_600_000), "it may be the only one");
        assert!(clocks.after(100, 100));
        assert!(!clocks.after(100, 3_600_000), "a second one");
        assert!((0..13).all(|_| !clocks.after(100, 100)));
        assert!(clocks.after(100, 100), "the first pause is 16 gaps ago");
    }

    #[test]
    fn a_clock_set_back_does_not_count_as_a_gap() {
        let mut clocks = Clocks::dense();
        clocks.wall -= Duration::from_secs(3_600);
        assert!(clocks.after(100, 100), "dense traffic is still dense");
        clocks.wall -= Duration::from_secs(3_600);
        assert!(
            !clocks.after(60_000, 60_000),
            "the monotonic clock shows a gap too"
        );
    }

    #[test]
    fn the_time_in_which_the_monotonic_clock_stopped_is_known() {
        let mut clocks = Clocks::new();
        let mut stopped = |monotonic, wall: i64| {
            clocks.monotonic += Duration::from_millis(monotonic);
            let step = Duration::from_millis(wall.unsigned_abs());
            clocks.wall = if wall < 0 {
                clocks.wall - step
            } else {
                clocks.wall + step
            };
            clocks.invoke().as_millis()
        };
        assert_eq!(stopped(100, 100), 0);
        assert_eq!(stopped(100, 700), 600);
        assert_eq!(stopped(100, 50), 0);
        assert_eq!(stopped(100, -700), 0);
    }
}
