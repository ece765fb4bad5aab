use std::sync::Arc;

use tokio::sync::watch;

use super::{Answer, Refusal, State};
use crate::FunctionConfig;
use crate::platform::Log;
use crate::platform::telemetry::Telemetry;

/// What the driver of an environment, its APIs and its process watchers share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) function: Arc<FunctionConfig>,
    pub(crate) state: watch::Sender<State>,
    pub(crate) telemetry: Arc<Telemetry>,
    pub(crate) log: Log,
}

impl Shared {
    /// Changes the state; whoever waits for it looks again.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut result = None;
        self.state.send_modify(|state| result = Some(change(state)));
        result.unwrap_or_else(|| unreachable!("send_modify calls its closure once"))
    }

    pub(crate) fn answered(&self, id: &str, answer: Answer) -> Result<(), Refusal> {
        self.change(|state| state.runtime_answered(id, answer))
    }

    /// Returns as soon as `ready` gives something, now or after a change.
    pub(crate) async fn until<T>(&self, mut ready: impl FnMut(&State) -> Option<T>) -> T {
        let mut changes = self.state.subscribe();
        loop {
            let found = ready(&changes.borrow_and_update());
            if let Some(found) = found {
                return found;
            }
            if changes.changed().await.is_err() {
                // The sender is ours, so this cannot be; and nothing would ever change again.
                std::future::pending::<()>().await;
            }
        }
    }
}
