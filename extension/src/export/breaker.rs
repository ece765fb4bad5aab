use std::time::{Duration, Instant};

/// A circuit breaker for one sink: it decides whether a flush may wait for the sink, and when
/// the sink is tried again. It has no clock: each call has its time.
///
/// ```text
///            2 failed flushes, or `Retry-After`
///   Closed ───────────────────────────────────► Open, next attempt after a pause
///     ▲                                           │   ▲
///     │                                           │   └── the attempt failed: a longer pause
///     └────────── an answer in time ◄─────────────┘
/// ```
///
/// If a flush waited in vain, one answer in time shows little, because other requests may still
/// hang: ten in a row forget the failure and close the breaker. If answers arrive, but later than a flush may wait, the breaker stays open without pauses.
#[derive(Debug)]
pub(super) struct Breaker {
    state: State,
    /// Failed flushes since the last answer in time.
    failures: u32,
    /// The number of answers in time in a row that are missing until failed flushes are forgotten.
    missing_answers: u32,
    failed: Option<Instant>,
    /// The longest time that a flush has waited; `None` before the first flush.
    patience: Option<Duration>,
    jitter: Jitter,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A flush waits for the sink.
    Closed,
    /// No flush waits for the sink.
    Open {
        /// The time of the next attempt; `None` if the sink responds, but slowly.
        attempt_at: Option<Instant>,
    },
}

/// The number of failed flushes that opens the breaker. After the first, the next flush tries
/// again, because a single failure is common.
const MAX_FAILURES: u32 = 2;

/// The number of answers in time in a row after which a flush that waited in vain is forgotten. If
/// every second request hangs, one answer must not make the next invocation wait.
const ANSWERS_AFTER_MISS: u32 = 10;

/// The first pause and the longest one, as in the AWS SDKs' standard retry mode (AWS SDKs and
/// Tools Reference Guide, retry behavior: exponential back-off with jitter, 20 s at most).
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(20);

/// The longest pause that `Retry-After` can ask for. The environment may end meanwhile.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(5 * 60);

impl Breaker {
    /// A closed breaker. Equal seeds give equal pauses.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            state: State::Closed,
            failures: 0,
            missing_answers: 0,
            failed: None,
            patience: None,
            jitter: Jitter(seed),
        }
    }

    /// Returns whether a flush may wait for the sink.
    pub(super) fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Returns whether a batch may be sent now.
    pub(super) fn may_send(&self, now: Instant) -> bool {
        self.attempt_at().is_none_or(|at| at <= now)
    }

    /// Returns whether the next batch only shows if the sink responds again. More batches at
    /// the same time would show no more.
    pub(super) fn is_probing(&self) -> bool {
        self.attempt_at().is_some()
    }

    /// The time of the next attempt; `None` if there is no pause.
    pub(super) fn attempt_at(&self) -> Option<Instant> {
        match self.state {
            State::Closed => None,
            State::Open { attempt_at } => attempt_at,
        }
    }

    /// Notes that a flush waits up to `limit`.
    pub(super) fn flush(&mut self, limit: Duration) {
        self.patience = self.patience.max(Some(limit));
    }

    /// Counts a batch that was sent at `sent` and failed at `now`. Batches that were sent
    /// together count once. `retry_after` is the sink's own wish for the pause.
    pub(super) fn fail(&mut self, sent: Instant, now: Instant, retry_after: Option<Duration>) {
        if self.failed.is_none_or(|failed| sent >= failed) {
            self.failures += 1;
            self.failed = Some(now);
        }
        if self.failures < MAX_FAILURES && retry_after.is_none() {
            return;
        }
        let pause = self
            .pause()
            .max(retry_after.unwrap_or_default().min(MAX_RETRY_AFTER));
        self.state = State::Open {
            attempt_at: self.attempt_at().max(Some(now + pause)),
        };
    }

    /// The longest time that a flush has waited; `None` before the first flush.
    pub(super) fn patience(&self) -> Option<Duration> {
        self.patience
    }

    /// Notes a request without an answer in time. The row of answers begins anew.
    pub(super) fn interrupt(&mut self) {
        if self.missing_answers > 0 {
            self.missing_answers = ANSWERS_AFTER_MISS;
        }
    }

    /// Counts a flush that waited for `limit` until `now` in vain. Its requests go on.
    pub(super) fn miss(&mut self, limit: Duration, now: Instant) {
        if self.patience.is_some_and(|patience| limit < patience / 2) {
            // The invocation's deadline was near, which shows nothing about the sink.
            return;
        }
        self.failures += 1;
        self.failed = Some(now);
        self.missing_answers = ANSWERS_AFTER_MISS;
        if self.failures >= MAX_FAILURES {
            self.state = State::Open {
                attempt_at: self.attempt_at(),
            };
        }
    }

    /// Counts a batch that was accepted after `latency`.
    pub(super) fn succeed(&mut self, latency: Duration) {
        let is_late = self.patience.is_some_and(|patience| latency > patience);
        if is_late {
            self.interrupt();
        } else {
            self.missing_answers = self.missing_answers.saturating_sub(1);
        }
        if is_late || self.missing_answers > 0 {
            if let State::Open { attempt_at } = &mut self.state {
                *attempt_at = None;
            }
            return;
        }
        self.failures = 0;
        self.state = State::Closed;
    }

    /// Shortens the pause by a time that the monotonic clock did not count, as in a freeze.
    pub(super) fn skip(&mut self, time: Duration) {
        if let State::Open {
            attempt_at: Some(at),
        } = &mut self.state
        {
            *at = at.checked_sub(time).unwrap_or(*at);
        }
    }

    /// The next pause: between half and all of a time that doubles with each failure.
    fn pause(&mut self) -> Duration {
        let doublings = self.failures.saturating_sub(MAX_FAILURES).min(16);
        let longest = (FIRST_PAUSE * 2_u32.pow(doublings)).min(MAX_PAUSE);
        longest / 2 + longest.mul_f64(self.jitter.next()) / 2
    }
}

/// Pseudorandom numbers from a seed (SplitMix64). Pauses need no better ones.
#[derive(Debug)]
struct Jitter(u64);

impl Jitter {
    /// A number from 0 to 1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as f64 / u64::MAX as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(2);

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// A closed breaker, and a time.
    fn closed() -> (Breaker, Instant) {
        (Breaker::new(7), Instant::now())
    }

    /// A breaker that failures have opened, and the time when they did.
    fn opened() -> (Breaker, Instant) {
        let (mut breaker, now) = closed();
        breaker.fail(now, now, None);
        assert!(breaker.is_closed() && breaker.may_send(now));
        breaker.fail(now, now, None);
        assert!(!breaker.is_closed());
        (breaker, now)
    }

    #[test]
    fn the_second_failed_flush_opens_it() {
        let (breaker, now) = opened();
        assert!(breaker.is_probing() && !breaker.may_send(now));
        assert!(breaker.may_send(now + FIRST_PAUSE));
    }

    #[test]
    fn batches_that_fail_together_count_once() {
        let (mut breaker, sent) = closed();
        for n in 1..=4 {
            breaker.fail(sent, sent + ms(n), None);
        }
        assert!(breaker.is_closed());
        let later = sent + ms(100);
        breaker.fail(later, later, None);
        let first = breaker.attempt_at();
        assert!(first.is_some());
        breaker.fail(sent, later, None);
        assert!(breaker.attempt_at() >= first);
        assert!(breaker.attempt_at() <= Some(later + FIRST_PAUSE));
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_vary() {
        let pauses = |seed| {
            let (mut breaker, mut now) = (Breaker::new(seed), Instant::now());
            breaker.fail(now, now, None);
            let pauses: Vec<Duration> = (0..10)
                .map(|_| {
                    breaker.fail(now, now, None);
                    let at = breaker.attempt_at().unwrap();
                    let pause = at - now;
                    now = at;
                    pause
                })
                .collect();
            pauses
        };
        for (n, pause) in pauses(1).into_iter().enumerate() {
            let longest = (FIRST_PAUSE * 2_u32.pow(n as u32)).min(MAX_PAUSE);
            assert!(pause >= longest / 2 && pause <= longest, "{n}: {pause:?}");
        }
        assert_eq!(pauses(1), pauses(1), "the seed decides");
        assert_ne!(pauses(1), pauses(2), "environments do not return together");
    }

    #[test]
    fn an_answer_in_time_closes_it() {
        let (mut breaker, now) = opened();
        breaker.flush(LIMIT);
        breaker.succeed(LIMIT);
        assert!(breaker.is_closed() && breaker.may_send(now));
        breaker.fail(now, now, None);
        assert!(breaker.is_closed(), "failures count anew");
    }

    #[test]
    fn without_a_flush_any_answer_closes_it() {
        let (mut breaker, _) = opened();
        breaker.succeed(LIMIT * 10);
        assert!(breaker.is_closed());
    }

    #[test]
    fn slow_answers_keep_it_open_without_pauses() {
        let (mut breaker, now) = closed();
        breaker.flush(LIMIT);
        breaker.miss(LIMIT, now);
        breaker.succeed(LIMIT + ms(500));
        assert!(breaker.is_closed());
        breaker.miss(LIMIT, now);
        assert!(!breaker.is_closed() && !breaker.is_probing() && breaker.may_send(now));
        for _ in 1..ANSWERS_AFTER_MISS {
            breaker.succeed(ms(20));
        }
        breaker.succeed(LIMIT + ms(500));
        assert!(!breaker.is_closed());
        for _ in 0..ANSWERS_AFTER_MISS {
            assert!(!breaker.is_closed(), "not enough answers in a row");
            breaker.succeed(ms(20));
        }
        assert!(breaker.is_closed());
    }

    #[test]
    fn one_answer_between_two_failed_flushes_does_not_hide_the_first() {
        let (mut breaker, now) = closed();
        breaker.flush(LIMIT);
        breaker.miss(LIMIT, now);
        breaker.succeed(ms(20));
        breaker.miss(LIMIT, now);
        assert!(!breaker.is_closed());
    }

    #[test]
    fn ten_answers_in_a_row_forget_a_failed_flush() {
        let (mut breaker, now) = closed();
        breaker.flush(LIMIT);
        breaker.miss(LIMIT, now);
        (0..ANSWERS_AFTER_MISS).for_each(|_| breaker.succeed(ms(20)));
        breaker.miss(LIMIT, now);
        assert!(breaker.is_closed());
    }

    #[test]
    fn a_failed_flush_without_an_answer_keeps_the_pause() {
        let (mut breaker, now) = opened();
        let attempt_at = breaker.attempt_at();
        breaker.miss(LIMIT, now);
        assert_eq!(breaker.attempt_at(), attempt_at);
    }

    #[test]
    fn a_slow_answer_ends_the_pause() {
        let (mut breaker, now) = opened();
        breaker.flush(LIMIT);
        breaker.succeed(LIMIT + ms(1));
        assert!(!breaker.is_closed() && breaker.may_send(now));
    }

    #[test]
    fn a_flush_that_the_deadline_cuts_short_shows_nothing() {
        let (mut breaker, now) = closed();
        breaker.flush(LIMIT);
        for _ in 0..5 {
            breaker.flush(ms(50));
            breaker.miss(ms(50), now);
        }
        assert!(breaker.is_closed());
        breaker.miss(LIMIT / 2, now);
        breaker.miss(LIMIT / 2, now);
        assert!(!breaker.is_closed());
    }

    #[test]
    fn retry_after_opens_it_at_once_and_is_bounded() {
        for (wish, pause) in [
            (Duration::from_secs(30), Duration::from_secs(30)),
            (Duration::from_secs(86_400), MAX_RETRY_AFTER),
        ] {
            let (mut breaker, now) = closed();
            breaker.fail(now, now, Some(wish));
            assert_eq!(breaker.attempt_at(), Some(now + pause));
        }
    }

    #[test]
    fn a_freeze_counts_as_pause() {
        let (mut breaker, now) = opened();
        breaker.skip(FIRST_PAUSE);
        assert!(breaker.may_send(now));
    }
}
