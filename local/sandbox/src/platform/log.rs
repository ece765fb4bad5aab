use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{LogSink, LogSource};

/// Bytes of the log that `Invoke` returns (Lambda API reference, `Invoke`, `LogType`: the last
/// 4 KB).
const MAX_TAIL_BYTES: usize = 4096;

/// The log of one environment. It keeps the tail of the current invocation.
pub(super) struct Log {
    function: String,
    sink: Arc<dyn LogSink>,
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
    pub(super) fn new(function: String, sink: Arc<dyn LogSink>) -> Self {
        Self {
            function,
            sink,
            tail: Mutex::default(),
        }
    }

    pub(super) fn line(&self, source: LogSource, line: &str) {
        let mut tail = self.lock_tail();
        tail.extend_from_slice(line.as_bytes());
        tail.push(b'\n');
        let excess = tail.len().saturating_sub(MAX_TAIL_BYTES);
        tail.drain(..excess);
        self.sink.line(&self.function, source, line);
    }

    pub(super) fn begin_tail(&self) {
        self.lock_tail().clear();
    }

    pub(super) fn tail(&self) -> Vec<u8> {
        self.lock_tail().clone()
    }

    fn lock_tail(&self) -> MutexGuard<'_, Vec<u8>> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct DiscardingSink;

    impl LogSink for DiscardingSink {
        fn line(&self, _: &str, _: LogSource, _: &str) {}
    }

    #[test]
    fn the_tail_is_the_invocations_last_four_kilobytes() {
        let log = Log::new("orders".into(), Arc::new(DiscardingSink));
        log.line(LogSource::Function, "of the invocation before");
        log.begin_tail();
        log.line(LogSource::Function, &"x".repeat(MAX_TAIL_BYTES));
        log.line(LogSource::Platform, "END");
        let tail = log.tail();
        assert_eq!(tail.len(), MAX_TAIL_BYTES);
        assert!(tail.ends_with(b"x\nEND\n"));
    }
}
