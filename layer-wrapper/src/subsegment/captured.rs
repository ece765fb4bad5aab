use std::any::Any;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::{Open, Subsegment, SubsegmentBuilder};
use crate::context::enter;
use crate::failure::CaptureError;

pin_project! {
    /// A future that runs in a subsegment of its own: made by
    /// [`SubsegmentBuilder::capture`] and [`SubsegmentBuilder::trace`].
    #[must_use = "futures do nothing unless polled"]
    pub struct Captured<F, O> {
        #[pin]
        inner: F,
        stage: Stage,
        observer: PhantomData<fn() -> O>,
    }

    impl<F, O> PinnedDrop for Captured<F, O> {
        fn drop(this: Pin<&mut Self>) {
            if let Stage::Begun(subsegment) = this.project().stage {
                subsegment.edit(|details| details.mark("cancelled"));
            }
        }
    }
}

#[derive(Debug)]
enum Stage {
    /// Not polled yet.
    Ready(Option<SubsegmentBuilder>),
    Begun(Subsegment),
    Ended,
}

impl<F, O> Captured<F, O> {
    pub(super) const fn new(builder: SubsegmentBuilder, inner: F) -> Self {
        Self {
            inner,
            stage: Stage::Ready(Some(builder)),
            observer: PhantomData,
        }
    }
}

impl<F: Future, O: Observe<F::Output>> Future for Captured<F, O> {
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
                O::observe(&output, subsegment);
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

/// What a [`Captured`] future's output says about its subsegment.
pub trait Observe<T> {
    #[doc(hidden)]
    fn observe(output: &T, subsegment: &Subsegment);
}

/// Says nothing.
#[derive(Debug)]
pub struct Plain(());

/// An `Err` is a fault.
#[derive(Debug)]
pub struct Errors<Kind>(PhantomData<Kind>);

impl<T> Observe<T> for Plain {
    fn observe(_: &T, _: &Subsegment) {}
}

impl<T, E: CaptureError<Kind>, Kind> Observe<Result<T, E>> for Errors<Kind> {
    fn observe(output: &Result<T, E>, subsegment: &Subsegment) {
        if let Err(error) = output {
            subsegment.record_error(error);
        }
    }
}

impl<F: fmt::Debug, O> fmt::Debug for Captured<F, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Captured")
            .field("inner", &self.inner)
            .field("stage", &self.stage)
            .finish()
    }
}
