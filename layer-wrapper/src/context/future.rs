use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::{enter, get};
use crate::invocation::SubsegmentState;

/// Carries the current subsegment into a future that is polled elsewhere.
pub trait FutureExt: Future + Sized {
    /// Whatever this future begins becomes a child of the subsegment that is current
    /// *now*, wherever the future is polled: in a task of its own, say. Where none is
    /// current now, what it begins is not recorded, whichever invocation polls it.
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
    /// A future with its own current subsegment: see [`FutureExt`].
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
