use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::{enter, get};
use crate::invocation::SubsegmentState;

/// Keeps the current subsegment for a future that is polled elsewhere.
pub trait FutureExt: Future + Sized {
    /// Makes the subsegment that is current *now* the parent of each subsegment that this
    /// future begins, even if the future is polled in another task.
    ///
    /// If no subsegment is current now, the future's subsegments are not recorded, even if
    /// another invocation polls the future.
    ///
    /// ```
    /// # use xray_lambda::FutureExt as _;
    /// # async fn refresh_cache() {}
    /// # fn example() {
    /// tokio::spawn(refresh_cache().in_current_subsegment());
    /// # }
    /// ```
    fn in_current_subsegment(self) -> InSubsegment<Self> {
        InSubsegment {
            inner: self,
            state: get(),
        }
    }
}

impl<F: Future> FutureExt for F {}

pin_project! {
    /// A future with its own current subsegment, made by
    /// [`FutureExt::in_current_subsegment`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct InSubsegment<F> {
        #[pin]
        inner: F,
        state: Option<Arc<SubsegmentState>>,
    }
}

impl<F: Future> Future for InSubsegment<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _entered = enter(this.state.clone());
        this.inner.poll(cx)
    }
}
