use std::sync::Arc;

use tokio::sync::watch;

use crate::process::Supervisors;
use crate::{LogSink, SandboxConfig, SegmentSink};

/// Configuration, sinks and shutdown, shared by all functions and requests of a sandbox.
pub(crate) struct SandboxContext {
    pub(crate) config: SandboxConfig,
    pub(crate) segments: Arc<dyn SegmentSink>,
    pub(crate) logs: Arc<dyn LogSink>,
    /// The number of requests and environments. Shutdown waits until it is 0.
    active: watch::Sender<usize>,
    closing: watch::Sender<bool>,
    pub(crate) supervisors: Supervisors,
}

impl SandboxContext {
    pub(crate) fn new(
        config: SandboxConfig,
        segments: Arc<dyn SegmentSink>,
        logs: Arc<dyn LogSink>,
    ) -> Self {
        Self {
            supervisors: Supervisors::new(config.supervisor.clone()),
            config,
            segments,
            logs,
            active: watch::Sender::new(0),
            closing: watch::Sender::new(false),
        }
    }

    /// Counts one request or environment until the guard is dropped.
    pub(crate) fn begin_activity(&self) -> ActivityGuard {
        self.active.send_modify(|count| *count += 1);
        ActivityGuard(self.active.clone())
    }

    /// Begins the shutdown: no new request is accepted.
    pub(crate) fn close(&self) {
        self.closing.send_replace(true);
        self.supervisors.close();
    }

    pub(crate) fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    /// Waits for [`close`](Self::close).
    pub(crate) fn closing(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut closing = self.closing.subscribe();
        async move {
            let _ = closing.wait_for(|closing| *closing).await;
        }
    }

    /// Waits until no request and no environment is left.
    pub(crate) async fn until_idle(&self) {
        // Cannot fail: `self` holds the sender.
        let _ = self.active.subscribe().wait_for(|&count| count == 0).await;
    }
}

/// Counts one request or environment as active.
#[derive(Debug)]
pub(crate) struct ActivityGuard(watch::Sender<usize>);

impl Drop for ActivityGuard {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}
