use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use xray_document::{SegmentId, Timestamp};

use super::current::Current;
use crate::context;
use crate::failure::Failure;
use crate::invocation::{Invocation, SubsegmentState};
use crate::record::Details;

/// A subsegment that has begun. It ends when it is dropped or [closed](Self::close).
///
/// It is not the current one: what begins beside it is its sibling. What is to be its
/// child begins within [`run`](Self::run), or by [`subsegment`](Current::subsegment) on it.
#[must_use = "a subsegment ends when it is dropped"]
pub struct Subsegment {
    handle: Current,
    /// Nothing is recorded: the handle is that of the enclosing subsegment, which is not
    /// ours to close or to change.
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

    /// Begins a subsegment in `within`'s invocation, directly under the handler's.
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

    /// One that records nothing, in an enclosing one that records nothing either.
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

    /// Runs a closure in this subsegment: what it begins are children.
    pub fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        let _entered = self.handle.state().cloned().map(context::enter);
        work()
    }

    /// Ends the subsegment now.
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
            // Whoever caught the panic knows its message; a guard on the stack does not.
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
