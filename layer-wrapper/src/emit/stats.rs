use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What became of this process's documents: see [`stats`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Documents that were handed to the system.
    pub sent: u64,
    /// Documents that the system did not take: no socket, or its buffer was full.
    pub dropped: u64,
    /// Subsegments that had to lose something to fit X-Ray's 64 KB.
    pub truncated: u64,
    /// Subsegments that ended after their invocation.
    pub late: u64,
    /// Subsegments begun where no invocation was current: they were not recorded.
    pub orphans: u64,
}

/// Counts since the process began, for a log line or a metric.
pub fn stats() -> Stats {
    Stats {
        sent: SENT.0.load(Relaxed),
        dropped: DROPPED.0.load(Relaxed),
        truncated: TRUNCATED.0.load(Relaxed),
        late: LATE.0.load(Relaxed),
        orphans: ORPHANS.0.load(Relaxed),
    }
}

pub(crate) static SENT: Counter = Counter(AtomicU64::new(0));
pub(crate) static DROPPED: Counter = Counter(AtomicU64::new(0));
pub(crate) static TRUNCATED: Counter = Counter(AtomicU64::new(0));
pub(crate) static LATE: Counter = Counter(AtomicU64::new(0));
pub(crate) static ORPHANS: Counter = Counter(AtomicU64::new(0));

#[derive(Debug)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add_one(&self) {
        self.0.fetch_add(1, Relaxed);
    }
}
