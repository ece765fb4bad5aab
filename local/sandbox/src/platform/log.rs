//! The function's log: what Lambda itself prints, and what the processes print.

use std::sync::{Arc, Mutex, PoisonError};

use super::telemetry::{Category, Telemetry};
use crate::{LogSink, LogSource};

/// Bytes of an invocation's log that `Invoke` returns (Lambda API reference, `Invoke`,
/// `LogType`: the last 4 KB).
const MAX_TAIL_BYTES: usize = 4096;

/// The log of one environment.
pub(crate) struct Log {
    function: String,
    sink: Arc<dyn LogSink>,
    telemetry: Arc<Telemetry>,
    tail: Mutex<Vec<u8>>,
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log")
            .field("function", &self.function)
            .finish_non_exhaustive()
    }
}

impl Log {
    pub(crate) fn new(function: String, sink: Arc<dyn LogSink>, telemetry: Arc<Telemetry>) -> Self {
        Self {
            function,
            sink,
            telemetry,
            tail: Mutex::default(),
        }
    }

    /// A line of Lambda's own. Telemetry has an event of its own for each.
    pub(crate) fn platform(&self, line: &str) {
        self.put(LogSource::Platform, line);
    }

    pub(crate) fn function(&self, line: &str) {
        self.telemetry.line(Category::Function, line);
        self.put(LogSource::Function, line);
    }

    pub(crate) fn extension(&self, line: &str) {
        self.telemetry.line(Category::Extension, line);
        self.put(LogSource::Extension, line);
    }

    /// From here on the tail is another invocation's.
    pub(crate) fn begin_tail(&self) {
        self.lock_tail().clear();
    }

    pub(crate) fn tail(&self) -> Vec<u8> {
        self.lock_tail().clone()
    }

    fn put(&self, source: LogSource, line: &str) {
        let mut tail = self.lock_tail();
        tail.extend_from_slice(line.as_bytes());
        tail.push(b'\n');
        let excess = tail.len().saturating_sub(MAX_TAIL_BYTES);
        tail.drain(..excess);
        self.sink.line(&self.function, source, line);
    }

    fn lock_tail(&self) -> std::sync::MutexGuard<'_, Vec<u8>> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nowhere;

    impl LogSink for Nowhere {
        fn line(&self, _: &str, _: LogSource, _: &str) {}
    }

    #[test]
    fn the_tail_is_the_invocations_last_four_kilobytes() {
        let log = Log::new("orders".into(), Arc::new(Nowhere), Arc::default());
        log.function("of the one before");
        log.begin_tail();
        log.function(&"x".repeat(MAX_TAIL_BYTES));
        log.platform("END");
        let tail = log.tail();
        assert_eq!(tail.len(), MAX_TAIL_BYTES);
        assert!(tail.ends_with(b"x\nEND\n"));
    }
}
