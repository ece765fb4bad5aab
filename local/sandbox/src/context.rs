use std::sync::{Arc, OnceLock};

use tokio::sync::watch;

use crate::process::Reaper;
use crate::{LogSink, SandboxConfig, SegmentSink};

/// What all functions, environments and requests of a sandbox share.
pub(crate) struct SandboxContext {
    pub(crate) config: SandboxConfig,
    pub(crate) segments: Arc<dyn SegmentSink>,
    pub(crate) logs: Arc<dyn LogSink>,
    /// How many requests and environments there are: the end waits for them.
    alive: watch::Sender<usize>,
    closing: watch::Sender<bool>,
    reaper: OnceLock<Option<Reaper>>,
}

impl SandboxContext {
    pub(crate) fn new(
        config: SandboxConfig,
        segments: Arc<dyn SegmentSink>,
        logs: Arc<dyn LogSink>,
    ) -> Self {
        Self {
            config,
            segments,
            logs,
            alive: watch::Sender::new(0),
            closing: watch::Sender::new(false),
            reaper: OnceLock::new(),
        }
    }

    /// Counts as alive until it is dropped.
    pub(crate) fn begin_activity(&self) -> ActivityGuard {
        self.alive.send_modify(|count| *count += 1);
        ActivityGuard(self.alive.clone())
    }

    /// Started with the first process. `None` where that is impossible.
    pub(crate) fn reaper(&self) -> Option<Reaper> {
        self.reaper.get_or_init(|| Reaper::start().ok()).clone()
    }

    pub(crate) fn close(&self) {
        self.closing.send_replace(true);
    }

    pub(crate) fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    /// Ends once [`close`](Self::close) was called.
    pub(crate) fn closing(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut closing = self.closing.subscribe();
        async move {
            let _ = closing.wait_for(|closing| *closing).await;
        }
    }

    /// Ends once nothing counts as alive.
    pub(crate) async fn until_idle(&self) {
        // An error cannot be: the sender is ours.
        let _ = self.alive.subscribe().wait_for(|&alive| alive == 0).await;
    }
}

/// One request or environment.
#[derive(Debug)]
pub(crate) struct ActivityGuard(watch::Sender<usize>);

impl Drop for ActivityGuard {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}
