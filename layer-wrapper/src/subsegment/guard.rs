use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use xray_document::{SegmentId, Timestamp};

use super::current::Current;
use crate::context;
use crate::failure::Failure;
use crate::invocation::{Invocation, SubsegmentState};
use crate::record::Details;

/// The guard of a subsegment. The subsegment ends when the guard is dropped or
/// [closed](Self::close).
///
/// It is not the current subsegment, so a subsegment that begins after it is its sibling. To
/// begin a child, use [`run`](Self::run) or [`subsegment`](Current::subsegment) on the guard.
///
/// If a panic drops the guard, the subsegment is a fault.
#[must_use = "a subsegment ends when it is dropped"]
pub struct Subsegment {
    handle: Current,
    /// Nothing is recorded. The handle then belongs to the enclosing subsegment, which this
    /// guard does not close.
    is_unrecorded: bool,
}

impl Subsegment {
    /// Begins a subsegment under `parent`.
    #[inline]
    pub(crate) fn begin(parent: &Arc<SubsegmentState>, details: Details) -> Self {
        let invocation = Arc::clone(&parent.invocation);
        Self::from_state(SubsegmentState::new(
            invocation,
            parent.id,
            Timestamp::now(),
            details,
        ))
    }

    /// Begins a subsegment directly under the handler's subsegment, in the invocation of
    /// `within`.
    #[cfg(feature = "tracing")]
    pub(crate) fn begin_outermost(within: &Arc<SubsegmentState>, details: Details) -> Self {
        let invocation = Arc::clone(&within.invocation);
        let parent = invocation.handler().unwrap_or(within.id);
        Self::from_state(SubsegmentState::new(
            invocation,
            parent,
            Timestamp::now(),
            details,
        ))
    }

    /// The subsegment that covers a whole invocation.
    pub(crate) fn of_invocation(
        invocation: Arc<Invocation>,
        parent: SegmentId,
        start: Timestamp,
        details: Details,
    ) -> Self {
        let state = SubsegmentState::new(invocation, parent, start, details);
        state.invocation.set_handler(state.id);
        Self::from_state(state)
    }

    /// A subsegment that is not recorded. `enclosing` is not recorded either.
    pub(crate) fn unrecorded(enclosing: Option<Arc<SubsegmentState>>) -> Self {
        Self {
            handle: Current::new(enclosing),
            is_unrecorded: true,
        }
    }

    fn from_state(state: SubsegmentState) -> Self {
        Self {
            handle: Current::new(Some(Arc::new(state))),
            is_unrecorded: false,
        }
    }

    /// Runs a closure in this subsegment. The subsegments that it begins are children.
    pub fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        let _entered = self.handle.state().cloned().map(context::enter);
        work()
    }

    /// Ends the subsegment now. Dropping the guard does the same.
    pub fn close(self) {}

    pub(crate) fn panicked(&self, payload: &(dyn std::any::Any + Send)) {
        self.handle.fail(|| Failure::from_panic(payload));
    }
}

impl Deref for Subsegment {
    type Target = Current;

    fn deref(&self) -> &Current {
        &self.handle
    }
}

impl Drop for Subsegment {
    fn drop(&mut self) {
        let Some(state) = self.handle.state().filter(|_| !self.is_unrecorded) else {
            return;
        };
        if std::thread::panicking() {
            // The panic's message is not available here. A future or closure that caught the
            // panic has recorded it already, and the first cause stays.
            state.fail(|| Failure::new("panic", "the thread panicked in this subsegment"));
        }
        state.close();
    }
}

impl fmt::Debug for Subsegment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subsegment")
            .field("handle", &self.handle)
            .finish_non_exhaustive()
    }
}
