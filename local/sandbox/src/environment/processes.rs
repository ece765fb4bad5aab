use std::time::Duration;

use super::Environment;
use crate::process::Process;

/// The time that a telemetry batch in flight may delay the freeze. A batch that takes longer
/// continues after the thaw.
const FREEZE_DELIVERY_WAIT: Duration = Duration::from_millis(200);

/// Freeze, output and memory of the processes.
impl Environment {
    /// Stops every process, as Lambda does between invocations.
    pub(crate) async fn freeze(&self) {
        self.reporter.telemetry.pause(FREEZE_DELIVERY_WAIT).await;
        self.supervisor.freeze();
    }

    /// Continues every process after [`freeze`](Self::freeze).
    pub(crate) fn thaw(&self) {
        self.supervisor.thaw();
        self.reporter.telemetry.resume();
    }

    /// Passes on everything that the processes have written so far, including lines without
    /// their ends.
    pub(crate) fn flush(&self) {
        self.processes().for_each(Process::flush);
    }

    /// Passes on everything that the runtime has written so far, and the complete lines of the
    /// extensions, which may still be writing.
    pub(crate) fn flush_runtime(&self) {
        self.processes().for_each(Process::drain);
        self.runtime.iter().for_each(Process::flush);
    }

    /// The sum of the processes' peaks, rounded up.
    pub(crate) fn peak_memory_mb(&self) -> u64 {
        let bytes: u64 = self.processes().map(Process::peak_memory).sum();
        bytes.div_ceil(1024 * 1024)
    }

    /// Reads the peaks while the processes live: after a crash they are unknown.
    pub(super) fn update_peak_memory(&self) {
        self.peak_memory_mb();
    }

    pub(super) fn processes(&self) -> impl Iterator<Item = &Process> {
        self.runtime
            .iter()
            .chain(self.extensions.iter().map(|(_, process)| process))
    }
}
