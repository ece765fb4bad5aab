use std::fmt;
use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::scope::Scope;
use crate::context::catch_unwind_in;

pin_project! {
    /// The future of an [`XRayService`](super::XRayService): the handler's future in its
    /// invocation.
    #[must_use = "futures do nothing unless polled"]
    pub struct XRayFuture<F> {
        // Dropped before `scope`: the handler's open subsegments end before the invocation.
        #[pin]
        inner: F,
        scope: Option<Scope>,
    }

    impl<F> PinnedDrop for XRayFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            if let Some(scope) = this.project().scope {
                scope.cancelled();
            }
        }
    }
}

impl<F> XRayFuture<F> {
    pub(super) const fn new(inner: F, scope: Option<Scope>) -> Self {
        Self { inner, scope }
    }
}

impl<F, T, E> Future for XRayFuture<F>
where
    F: Future<Output = Result<T, E>>,
    E: fmt::Debug + 'static,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(state) = this.scope.as_ref().map(|scope| Arc::clone(&scope.state)) else {
            return this.inner.poll(cx);
        };
        #[cfg(feature = "tracing")]
        let depth = crate::tracing::entered::depth();
        let polled = catch_unwind_in(Some(state), || this.inner.poll(cx));
        #[cfg(feature = "tracing")]
        crate::tracing::entered::truncate(depth);
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(result)) => {
                if let Some(scope) = this.scope.take() {
                    scope.end(&result);
                }
                Poll::Ready(result)
            }
            Err(payload) => {
                if let Some(scope) = this.scope.take() {
                    scope.panicked(payload.as_ref());
                }
                resume_unwind(payload)
            }
        }
    }
}

impl<F: fmt::Debug> fmt::Debug for XRayFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("XRayFuture")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
