//! The current subsegment, which is the parent of a subsegment that begins now.
//!
//! It is set only while a future that owns it is polled, a closure runs in it, or its
//! `tracing` span is entered. It never stays set across an `.await`. Two invocations on
//! one thread therefore cannot see each other, and the children of a `join_all` are
//! siblings.

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

/// The current subsegment, if one is set.
pub(crate) fn get() -> Option<Arc<SubsegmentState>> {
    let read = |cell: &Cell<Option<Arc<SubsegmentState>>>| {
        let current = cell.take();
        let copy = current.clone();
        cell.set(current);
        copy
    };
    // Access fails only in a thread that is ending, which begins no subsegment.
    CURRENT.try_with(read).ok().flatten()
}

/// Sets the current subsegment and returns the previous one.
pub(crate) fn replace(state: Option<Arc<SubsegmentState>>) -> Option<Arc<SubsegmentState>> {
    CURRENT.try_with(|cell| cell.replace(state)).ok().flatten()
}

/// Makes `state` the current subsegment until the guard is dropped, also by a panic. `None`
/// means that no subsegment is current until then.
pub(crate) fn enter(state: impl Into<Option<Arc<SubsegmentState>>>) -> Entered {
    Entered {
        previous: replace(state.into()),
    }
}

/// Restores the previous subsegment on drop. It stays on the thread that made it and is
/// never held across an `.await`.
#[derive(Debug)]
pub(crate) struct Entered {
    previous: Option<Arc<SubsegmentState>>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        replace(self.previous.take());
    }
}

/// Runs `work` with `state` as the current subsegment and catches its panic, because only
/// the payload has the message. The caller records the message and resumes the panic.
pub(crate) fn catch_unwind_in<T>(
    state: Option<Arc<SubsegmentState>>,
    work: impl FnOnce() -> T,
) -> Result<T, Box<dyn Any + Send>> {
    // Unwind safe, because the caller resumes the panic: no code sees broken state that
    // would not see it without the catch.
    catch_unwind(AssertUnwindSafe(|| {
        let _entered = state.map(enter);
        work()
    }))
}
