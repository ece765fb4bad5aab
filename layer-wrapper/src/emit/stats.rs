use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts of this process's documents since it began: see [`stats`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Documents that the system accepted for sending. UDP does not confirm that they arrive; a
    /// stream to the extension does not lose them.
    pub sent: u64,
    /// Documents that the system did not accept, for example because 4 MB of them waited for an
    /// extension that did not read.
    pub dropped: u64,
    /// Subsegments that lost metadata or causes to fit into one document of 63 KB.
    pub truncated: u64,
    /// Subsegments that ended after their invocation. They are sent and marked as late.
    pub late: u64,
    /// Subsegments that were begun without a current invocation. They are not recorded.
    pub orphans: u64,
}

/// Returns the counts since the process began, for a log line or a metric. Never fails.
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
        self.add(1);
    }

    pub(crate) fn add(&self, count: usize) {
        self.0.fetch_add(count as u64, Relaxed);
    }
}
