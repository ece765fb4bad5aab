use std::time::Duration;

use tokio::time::Instant;

use super::subscription::Buffering;

/// The events that wait for one subscriber. It decides when the next batch is sent.
#[derive(Debug)]
pub(super) struct Queue {
    buffering: Buffering,
    events: Vec<String>,
    bytes: usize,
    /// The arrival of the oldest event.
    oldest: Option<Instant>,
    dropped: Dropped,
    /// The environment is frozen.
    pub(super) paused: bool,
    /// The number of freezes so far.
    pub(super) pauses: u64,
    /// The next batch is sent without waiting for a full one.
    flushing: bool,
    /// A batch was taken and is neither delivered nor dropped.
    pub(super) in_flight: bool,
}

/// Events that the subscriber has lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Dropped {
    pub(super) records: usize,
    pub(super) bytes: usize,
}

/// All events that waited, and those lost before them.
#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) events: Vec<String>,
    pub(super) dropped: Dropped,
}

/// The next step of a delivery.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Wait for a change of the queue.
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
            dropped: Dropped::default(),
            paused: false,
            pauses: 0,
            flushing: false,
            in_flight: false,
        }
    }

    /// Adds an event. If twice `maxBytes` or twice `maxItems` already wait, the event is
    /// dropped: the subscriber is too slow. (Twice `maxBytes` is the largest batch in the
    /// Lambda Developer Guide, "Telemetry API reference", buffering.)
    pub(super) fn put(&mut self, event: String, now: Instant) {
        let full = self.bytes + event.len() > 2 * self.buffering.max_bytes
            || self.events.len() >= 2 * self.buffering.max_items;
        if full && !self.events.is_empty() {
            self.dropped.records += 1;
            self.dropped.bytes += event.len();
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

    /// The next step of the delivery.
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

    /// Takes everything that waits, as the next batch in flight.
    pub(super) fn take(&mut self) -> Taken {
        self.bytes = 0;
        self.oldest = None;
        self.in_flight = true;
        Taken {
            events: std::mem::take(&mut self.events),
            dropped: std::mem::take(&mut self.dropped),
        }
    }

    /// The batch in flight was delivered.
    pub(super) fn delivered(&mut self) {
        self.in_flight = false;
        self.flushing &= !self.events.is_empty();
    }

    /// The batch in flight could not be delivered.
    pub(super) fn failed(&mut self, records: usize, bytes: usize) {
        self.dropped.records += records;
        self.dropped.bytes += bytes;
        self.delivered();
    }
}

/// The delay before the next attempt: 50 ms, doubled after each failure, 1.6 s at most.
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
    async fn a_batch_is_sent_when_it_is_old_or_full() {
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
        assert_eq!(queue.take().events, ["a", "b", "c"]);
        queue.put("0123456789".into(), now);
        assert_eq!(queue.step(now), Step::Send);
    }

    #[tokio::test]
    async fn nothing_is_sent_while_frozen_and_a_due_batch_is_sent_after_the_thaw() {
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
    async fn a_slow_subscriber_loses_events_and_their_number_is_known() {
        let now = Instant::now();
        let mut queue = queue();
        for n in 0..6 {
            queue.put(n.to_string(), now);
        }
        queue.put("lost".into(), now);
        let taken = queue.take();
        let lost = Dropped {
            records: 1,
            bytes: 4,
        };
        assert_eq!((taken.events.len(), taken.dropped), (6, lost));
    }
}
