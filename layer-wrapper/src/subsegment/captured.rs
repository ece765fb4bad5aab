use std::fmt;
use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::builder::SubsegmentBuilder;
use super::guard::Subsegment;
use crate::context::catch_unwind_in;
use crate::failure::CaptureError;

impl SubsegmentBuilder {
    /// Runs a future in the subsegment and records its `Err` as a fault, with the error's
    /// `source()` chain.
    ///
    /// The subsegments that the future begins are children. A panic is recorded as a fault
    /// and continues. A future that is dropped before its end gets the metadata
    /// `xray_lambda.cancelled`.
    ///
    /// For a future that does not return a `Result`, use [`trace`](Self::trace).
    pub fn capture<F, T, E, Kind>(self, future: F) -> Captured<F>
    where
        F: Future<Output = Result<T, E>>,
        E: CaptureError<Kind>,
    {
        Captured::new(self, future, |output, subsegment| {
            if let Err(error) = output {
                subsegment.record_error(error);
            }
        })
    }

    /// Runs a future in the subsegment, like [`capture`](Self::capture), and ignores its
    /// output.
    pub fn trace<F: Future>(self, future: F) -> Captured<F> {
        Captured::new(self, future, |_, _| ())
    }
}

pin_project! {
    /// A future that runs in a subsegment of its own, made by
    /// [`SubsegmentBuilder::capture`] and [`SubsegmentBuilder::trace`].
    #[must_use = "futures do nothing unless polled"]
    pub struct Captured<F: Future> {
        #[pin]
        inner: F,
        stage: Stage,
        // A function pointer, not a bound on the output. A future that holds this one, such
        // as a `join_all`, is `Send` only if the bounds hold for each lifetime, and the
        // bounds of a boxed error hold only for `'static`.
        record_output: RecordOutput<F::Output>,
    }

    impl<F: Future> PinnedDrop for Captured<F> {
        fn drop(this: Pin<&mut Self>) {
            if let Stage::Started(subsegment) = this.project().stage {
                subsegment.edit(|details| details.mark("cancelled"));
            }
        }
    }
}

/// Records the output of a future in its subsegment.
type RecordOutput<T> = fn(&T, &Subsegment);

#[derive(Debug)]
enum Stage {
    /// Not polled yet.
    NotStarted(Option<SubsegmentBuilder>),
    Started(Subsegment),
    Ended,
}

impl<F: Future> Captured<F> {
    const fn new(
        builder: SubsegmentBuilder,
        inner: F,
        record_output: RecordOutput<F::Output>,
    ) -> Self {
        Self {
            inner,
            stage: Stage::NotStarted(Some(builder)),
            record_output,
        }
    }
}

impl<F: Future> Future for Captured<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        if let Stage::NotStarted(builder) = this.stage
            && let Some(builder) = builder.take()
        {
            *this.stage = Stage::Started(builder.start());
        }
        let Stage::Started(subsegment) = this.stage else {
            // Polled again after its end: the inner future decides what happens.
            return this.inner.poll(cx);
        };
        match catch_unwind_in(subsegment.state().cloned(), || this.inner.poll(cx)) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => {
                (this.record_output)(&output, subsegment);
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

impl<F: Future + fmt::Debug> fmt::Debug for Captured<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Captured")
            .field("inner", &self.inner)
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}
