use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::{Open, Subsegment, SubsegmentBuilder};
use crate::context::enter;

pin_project! {
    /// A future that runs in a subsegment of its own: made by
    /// [`SubsegmentBuilder::capture`] and [`SubsegmentBuilder::trace`].
    #[must_use = "futures do nothing unless polled"]
    pub struct Captured<F: Future> {
        #[pin]
        inner: F,
        stage: Stage,
        // A pointer and not a bound on the output: a future that holds this one, such as a
        // `join_all`, is `Send` only where its bounds hold for every lifetime, and those of
        // a boxed error hold for `'static` alone.
        observe: Observe<F::Output>,
    }

    impl<F: Future> PinnedDrop for Captured<F> {
        fn drop(this: Pin<&mut Self>) {
            if let Stage::Begun(subsegment) = this.project().stage {
                subsegment.edit(|details| details.mark("cancelled"));
            }
        }
    }
}

/// Records what an output says about its subsegment.
pub(super) type Observe<T> = fn(&T, &Subsegment);

#[derive(Debug)]
enum Stage {
    /// Not polled yet.
    Ready(Option<SubsegmentBuilder>),
    Begun(Subsegment),
    Ended,
}

impl<F: Future> Captured<F> {
    pub(super) const fn new(
        builder: SubsegmentBuilder,
        inner: F,
        observe: Observe<F::Output>,
    ) -> Self {
        Self {
            inner,
            stage: Stage::Ready(Some(builder)),
            observe,
        }
    }
}

impl<F: Future> Future for Captured<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        if let Stage::Ready(builder) = this.stage
            && let Some(builder) = builder.take()
        {
            *this.stage = Stage::Begun(builder.start());
        }
        let Stage::Begun(subsegment) = this.stage else {
            // Polled again after its end: what happens is up to the inner future.
            return this.inner.poll(cx);
        };
        match catch(subsegment.open().cloned(), || this.inner.poll(cx)) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => {
                (this.observe)(&output, subsegment);
                *this.stage = Stage::Ended;
                Poll::Ready(output)
            }
            Err(payload) => {
                subsegment.panicked(payload.as_ref());
                *this.stage = Stage::Ended;
                resume_unwind(payload)
            }
        }
    }
}

/// Runs `work` with `open` as the current subsegment and catches its panic, whose message
/// only the payload has. The caller resumes it.
pub(crate) fn catch<T>(
    open: Option<Arc<Open>>,
    work: impl FnOnce() -> T,
) -> Result<T, Box<dyn Any + Send>> {
    // The panic goes on as if it had not been caught, so nobody sees broken state who
    // would not have seen it anyway.
    catch_unwind(AssertUnwindSafe(|| {
        let _entered = open.map(enter);
        work()
    }))
}

impl<F: Future + fmt::Debug> fmt::Debug for Captured<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Captured")
            .field("inner", &self.inner)
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}
