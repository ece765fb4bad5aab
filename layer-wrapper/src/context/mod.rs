//! Which subsegment is the parent of what begins now.
//!
//! The rule: the current subsegment is set only while a future that owns it is being
//! polled, a closure runs in it, or a `tracing` span is entered. It never stays set across
//! an `.await`, so two invocations on one thread cannot see each other, and the children
//! of a `join_all` are siblings.

mod future;
#[cfg(feature = "tokio")]
mod spawn;

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

pub use future::{FutureExt, InSubsegment};
#[cfg(feature = "tokio")]
pub use spawn::spawn;

use crate::invocation::SubsegmentState;

thread_local! {
    static CURRENT: Cell<Option<Arc<SubsegmentState>>> = const { Cell::new(None) };
}

/// The current subsegment, if there is one.
pub(crate) fn get() -> Option<Arc<SubsegmentState>> {
    let read = |cell: &Cell<Option<Arc<SubsegmentState>>>| {
        let current = cell.take();
        let copy = current.clone();
        cell.set(current);
        copy
    };
    // Only a thread that is ending has no cell, and nothing begins there.
    CURRENT.try_with(read).ok().flatten()
}

/// Sets the current subsegment and gives the former one.
pub(crate) fn replace(state: Option<Arc<SubsegmentState>>) -> Option<Arc<SubsegmentState>> {
    CURRENT.try_with(|cell| cell.replace(state)).ok().flatten()
}

/// Makes `state` the current subsegment until the guard is dropped, also by a panic. With
/// `None` there is no current one meanwhile.
pub(crate) fn enter(state: impl Into<Option<Arc<SubsegmentState>>>) -> Entered {
    Entered {
        former: replace(state.into()),
    }
}

/// Restores the former subsegment on drop. It belongs to the thread that made it and is
/// never held across an `.await`.
#[derive(Debug)]
pub(crate) struct Entered {
    former: Option<Arc<SubsegmentState>>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        replace(self.former.take());
    }
}

/// Runs `work` with `state` as the current subsegment and catches its panic, whose message
/// only the payload has. The caller resumes it.
pub(crate) fn catch_unwind_in<T>(
    state: Option<Arc<SubsegmentState>>,
    work: impl FnOnce() -> T,
) -> Result<T, Box<dyn Any + Send>> {
    // The panic goes on as if it had not been caught, so nobody sees broken state who
    // would not have seen it anyway.
    catch_unwind(AssertUnwindSafe(|| {
        let _entered = state.map(enter);
        work()
    }))
}
