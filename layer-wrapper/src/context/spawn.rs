use std::future::Future;

use super::FutureExt as _;

/// Like [`tokio::spawn`], with the current subsegment as the parent of the task's
/// subsegments.
///
/// # Panics
/// Panics outside a Tokio runtime, as `tokio::spawn` does.
#[track_caller]
pub fn spawn<F>(future: F) -> tokio::task::JoinHandle<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    tokio::spawn(future.in_current_subsegment())
}
