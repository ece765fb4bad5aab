use tokio::sync::watch;

use super::machine::State;

/// The state of one environment, shared between the invocation, the APIs and the process
/// watchers. A clone shares the same state.
#[derive(Debug, Clone, Default)]
pub(crate) struct SharedState(watch::Sender<State>);

impl SharedState {
    /// Locks the state for reading. Do not hold the lock across an `await`.
    pub(crate) fn borrow(&self) -> watch::Ref<'_, State> {
        self.0.borrow()
    }

    /// Changes the state and wakes every [`until`](Self::until).
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut result = None;
        self.0.send_modify(|state| result = Some(change(state)));
        result.unwrap_or_else(|| unreachable!("send_modify calls its closure once"))
    }

    /// Waits until `ready` returns a value, now or after a change.
    pub(crate) async fn until<T>(&self, mut ready: impl FnMut(&State) -> Option<T>) -> T {
        let mut changes = self.0.subscribe();
        loop {
            let found = ready(&changes.borrow_and_update());
            if let Some(found) = found {
                return found;
            }
            if changes.changed().await.is_err() {
                // Unreachable: `self` holds a sender. The state would not change again.
                std::future::pending::<()>().await;
            }
        }
    }
}
