//! The end of an environment (Lambda Developer Guide, "Lambda execution environment
//! lifecycle", shutdown phase).

use std::time::Duration;

use rustix::process::Signal;
use tokio::time::{Instant, timeout, timeout_at};
use xray_document::Timestamp;

use super::Environment;
use crate::clock::epoch_millis;
use crate::process::Process;
use crate::state::{ShutdownReason, Stage};

/// With an external extension; it includes the runtime's part.
const EXTERNAL: Duration = Duration::from_millis(2_000);
/// With internal extensions only: all of it is the runtime's.
const INTERNAL: Duration = Duration::from_millis(500);
/// The runtime's part between SIGTERM and SIGKILL, without and with an internal extension.
const RUNTIME: Duration = Duration::from_millis(300);
const RUNTIME_WITH_INTERNAL: Duration = Duration::from_millis(500);

/// How long what telemetry still holds may delay SHUTDOWN.
const SHUTDOWN_DELIVERY_WAIT: Duration = Duration::from_millis(100);

/// How long the kernel may take to end killed processes. More than enough, so that a
/// process in an uninterruptible wait cannot hold up everything.
const KILL_WAIT: Duration = Duration::from_secs(5);

impl Environment {
    /// Ends every process: the runtime first, then the extensions, which get SHUTDOWN
    /// if they asked for it and SIGKILL if they did not or take too long.
    pub(crate) async fn shutdown(self, reason: ShutdownReason) {
        let begin = Instant::now();
        let (internal, external) = {
            let state = self.state.borrow();
            let internal = state.extensions.iter().any(|extension| extension.internal);
            (internal, !self.extensions.is_empty())
        };
        let budget = match (external, internal) {
            (true, _) => EXTERNAL,
            (false, true) => INTERNAL,
            (false, false) => Duration::ZERO,
        };
        // From here on an exit is no crash.
        self.state.change(|state| state.stage = Stage::ShuttingDown);
        self.thaw();
        let deadline = begin + budget;
        let runtime_part = if internal {
            RUNTIME_WITH_INTERNAL
        } else {
            RUNTIME
        };
        let telemetry = self.reporter.telemetry.flush(SHUTDOWN_DELIVERY_WAIT);
        tokio::join!(
            telemetry,
            self.end_runtime(reason, deadline.min(begin + runtime_part))
        );

        let left = deadline.saturating_duration_since(Instant::now());
        let deadline_ms = epoch_millis(Timestamp::now() + left);
        self.state
            .change(|state| state.announce_shutdown(reason, deadline_ms));
        for (name, process) in &self.extensions {
            if !self.wants_shutdown(name) {
                process.signal(Signal::KILL);
            }
        }
        let all_gone = async {
            for (_, process) in &self.extensions {
                process.gone().await;
            }
        };
        let _ = timeout_at(deadline, all_gone).await;
        self.signal(Signal::KILL);
        let _ = timeout(KILL_WAIT, self.all_gone()).await;
        self.flush();
    }

    /// A runtime is asked to end only where extensions give it the time (the guide:
    /// SIGTERM needs a registered extension), and never after it failed.
    async fn end_runtime(&self, reason: ShutdownReason, deadline: Instant) {
        let Some(runtime) = &self.runtime else { return };
        if reason == ShutdownReason::Spindown && deadline > Instant::now() {
            runtime.signal(Signal::TERM);
            let _ = timeout_at(deadline, runtime.gone()).await;
        }
        runtime.signal(Signal::KILL);
        let _ = timeout(KILL_WAIT, runtime.gone()).await;
    }

    fn wants_shutdown(&self, name: &str) -> bool {
        let state = self.state.borrow();
        state
            .extensions
            .iter()
            .any(|extension| extension.name == name && extension.events.shutdown)
    }

    async fn all_gone(&self) {
        for process in self.processes() {
            Process::gone(process).await;
        }
    }
}
