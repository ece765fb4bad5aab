//! The end of an environment (Lambda Developer Guide, "Lambda execution environment
//! lifecycle", shutdown phase).

use std::time::Duration;

use rustix::process::Signal;
use tokio::time::{Instant, timeout, timeout_at};
use xray_document::Timestamp;

use super::Environment;
use crate::clock::epoch_millis;
use crate::state::{ShutdownReason, Stage};

/// The time for everything if the function has an external extension.
const EXTERNAL_BUDGET: Duration = Duration::from_millis(2_000);

/// The time for everything if the function has only internal extensions.
const INTERNAL_BUDGET: Duration = Duration::from_millis(500);

/// The runtime's share of the time, between SIGTERM and SIGKILL.
const RUNTIME_SHARE: Duration = Duration::from_millis(300);

/// The runtime's share if it has internal extensions.
const RUNTIME_SHARE_WITH_INTERNAL: Duration = Duration::from_millis(500);

/// The time that the delivery of the last telemetry may delay SHUTDOWN.
const SHUTDOWN_DELIVERY_WAIT: Duration = Duration::from_millis(100);

/// The time for the kernel to end killed processes. It is generous; a process in an
/// uninterruptible wait must not block the shutdown forever.
const KILL_WAIT: Duration = Duration::from_secs(5);

impl Environment {
    /// Ends every process: first the runtime, then the extensions. An extension that registered
    /// for SHUTDOWN receives it; SIGKILL ends the others, and those that take too long.
    pub(crate) async fn shutdown(self, reason: ShutdownReason) {
        let begin = Instant::now();
        let has_internal = {
            let state = self.state.borrow();
            state.extensions.iter().any(|extension| extension.internal)
        };
        let deadline = begin + self.shutdown_budget(has_internal);
        let runtime_share = if has_internal {
            RUNTIME_SHARE_WITH_INTERNAL
        } else {
            RUNTIME_SHARE
        };
        // From now on the end of a process is not a failure.
        self.state.change(|state| state.stage = Stage::ShuttingDown);
        self.thaw();
        tokio::join!(
            self.reporter.telemetry.flush(SHUTDOWN_DELIVERY_WAIT),
            self.end_runtime(reason, deadline.min(begin + runtime_share))
        );

        let left = deadline.saturating_duration_since(Instant::now());
        let deadline_ms = epoch_millis(Timestamp::now() + left);
        self.state
            .change(|state| state.announce_shutdown(reason, deadline_ms));
        self.end_extensions(deadline).await;
        self.supervisor.close();
        let _ = timeout(KILL_WAIT, self.all_ended()).await;
        self.flush();
    }

    fn shutdown_budget(&self, has_internal: bool) -> Duration {
        if !self.extensions.is_empty() {
            EXTERNAL_BUDGET
        } else if has_internal {
            INTERNAL_BUDGET
        } else {
            Duration::ZERO
        }
    }

    /// Sends SIGTERM only if an extension is registered (Lambda Developer Guide, "Lambda
    /// execution environment lifecycle"), and only if the runtime did not fail before.
    async fn end_runtime(&self, reason: ShutdownReason, deadline: Instant) {
        let Some(runtime) = &self.runtime else { return };
        if reason == ShutdownReason::Spindown && deadline > Instant::now() {
            runtime.signal(Signal::TERM);
            let _ = timeout_at(deadline, runtime.ended()).await;
        }
        runtime.signal(Signal::KILL);
        let _ = timeout(KILL_WAIT, runtime.ended()).await;
    }

    /// Kills the extensions that did not register for SHUTDOWN, and waits for all of them.
    async fn end_extensions(&self, deadline: Instant) {
        for (name, process) in &self.extensions {
            if !self.is_registered_for_shutdown(name) {
                process.signal(Signal::KILL);
            }
        }
        let all_ended = async {
            for (_, process) in &self.extensions {
                process.ended().await;
            }
        };
        let _ = timeout_at(deadline, all_ended).await;
    }

    fn is_registered_for_shutdown(&self, name: &str) -> bool {
        let state = self.state.borrow();
        state
            .extensions
            .iter()
            .any(|extension| extension.name == name && extension.events.shutdown)
    }

    /// Waits for the last lines of every process and for the end of the detached ones.
    async fn all_ended(&self) {
        for process in self.processes() {
            process.ended().await;
        }
        self.supervisor.ended().await;
    }
}
