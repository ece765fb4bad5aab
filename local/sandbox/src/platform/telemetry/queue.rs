use std::time::Duration;

use tokio::time::Instant;

use super::subscription::Buffering;

/// The events that wait for one subscriber, and what its delivery does next.
#[derive(Debug)]
pub(super) struct Queue {
    buffering: Buffering,
    events: Vec<String>,
    bytes: usize,
    oldest: Option<Instant>,
    dropped: (usize, usize),
    /// The environment is frozen.
    pub(super) paused: bool,
    /// How often it was frozen: whoever waits for the subscriber compares.
    pub(super) pauses: u64,
    /// Deliver all of it at once.
    flushing: bool,
    pub(super) in_flight: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Until something changes.
    Wait,
    WaitUntil(Instant),
    Send,
}

impl Queue {
    pub(super) fn new(buffering: Buffering) -> Self {
        Self {
            buffering,
            events: Vec::new(),
            bytes: 0,
            oldest: None,
            dropped: (0, 0),
            paused: false,
            pauses: 0,
            flushing: false,
            in_flight: false,
        }
    }

    /// Adds an event. A subscriber that does not keep up loses the newest: more than
    /// twice `maxBytes` is not kept (the guide's bound of a batch).
    pub(super) fn put(&mut self, event: String, now: Instant) {
        let full = self.bytes + event.len() > 2 * self.buffering.max_bytes
            || self.events.len() >= 2 * self.buffering.max_items;
        if full && !self.events.is_empty() {
            self.dropped.0 += 1;
            self.dropped.1 += event.len();
            return;
        }
        self.bytes += event.len();
        self.oldest.get_or_insert(now);
        self.events.push(event);
    }

    pub(super) fn pause(&mut self) {
        self.paused = true;
        self.pauses += 1;
    }

    pub(super) fn resume(&mut self) {
        self.paused = false;
    }

    pub(super) fn flush(&mut self) {
        self.flushing = true;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty() && !self.in_flight
    }

    pub(super) fn step(&self, now: Instant) -> Step {
        let Some(oldest) = self.oldest.filter(|_| !self.paused) else {
            return Step::Wait;
        };
        let due = oldest + self.buffering.timeout;
        let full =
            self.events.len() >= self.buffering.max_items || self.bytes >= self.buffering.max_bytes;
        if full || self.flushing || now >= due {
            Step::Send
        } else {
            Step::WaitUntil(due)
        }
    }

    /// Everything that waits, and the records and bytes that were lost before it.
    pub(super) fn take(&mut self) -> (Vec<String>, (usize, usize)) {
        self.bytes = 0;
        self.oldest = None;
        self.in_flight = true;
        (
            std::mem::take(&mut self.events),
            std::mem::take(&mut self.dropped),
        )
    }

    pub(super) fn delivered(&mut self) {
        self.in_flight = false;
        self.flushing &= !self.events.is_empty();
    }

    /// A batch that could not be delivered.
    pub(super) fn lost(&mut self, records: usize, bytes: usize) {
        self.dropped.0 += records;
        self.dropped.1 += bytes;
        self.delivered();
    }
}

/// The pause before the next try, after `failures` in a row.
pub(super) fn backoff(failures: u32) -> Duration {
    Duration::from_millis(50 << failures.min(5))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue() -> Queue {
        Queue::new(Buffering {
            max_items: 3,
            max_bytes: 10,
            timeout: Duration::from_millis(25),
        })
    }

    #[tokio::test]
    async fn a_batch_goes_when_it_is_old_or_full() {
        let now = Instant::now();
        let mut queue = queue();
        assert_eq!(queue.step(now), Step::Wait);
        queue.put("a".into(), now);
        assert_eq!(
            queue.step(now),
            Step::WaitUntil(now + Duration::from_millis(25))
        );
        assert_eq!(queue.step(now + Duration::from_millis(25)), Step::Send);
        queue.put("b".into(), now);
        queue.put("c".into(), now);
        assert_eq!(queue.step(now), Step::Send);
        assert_eq!(queue.take().0, ["a", "b", "c"]);
        queue.put("0123456789".into(), now);
        assert_eq!(queue.step(now), Step::Send);
    }

    #[tokio::test]
    async fn nothing_goes_while_frozen_and_what_is_due_goes_after_the_thaw() {
        let now = Instant::now();
        let mut queue = queue();
        queue.put("a".into(), now);
        queue.pause();
        assert_eq!(queue.step(now + Duration::from_secs(60)), Step::Wait);
        queue.resume();
        assert_eq!(queue.step(now + Duration::from_secs(60)), Step::Send);
    }

    #[tokio::test]
    async fn a_flush_sends_at_once_and_only_once() {
        let now = Instant::now();
        let mut queue = queue();
        queue.put("a".into(), now);
        queue.flush();
        assert_eq!(queue.step(now), Step::Send);
        queue.take();
        queue.delivered();
        queue.put("b".into(), now);
        assert!(matches!(queue.step(now), Step::WaitUntil(_)));
    }

    #[tokio::test]
    async fn a_subscriber_that_does_not_keep_up_loses_and_is_told_how_much() {
        let now = Instant::now();
        let mut queue = queue();
        for n in 0..6 {
            queue.put(n.to_string(), now);
        }
        queue.put("lost".into(), now);
        let (events, dropped) = queue.take();
        assert_eq!((events.len(), dropped), (6, (1, 4)));
    }
}
