//! Which subsegment is the parent of what begins now.
//!
//! The rule: the current subsegment is set only while a future that owns it is being
//! polled, a closure runs in it, or a `tracing` span is entered. It never stays set across
//! an `.await`, so two invocations on one thread cannot see each other, and the children
//! of a `join_all` are siblings.

mod future;
#[cfg(feature = "tokio")]
mod spawn;

use std::cell::Cell;
use std::sync::Arc;

pub use future::{FutureExt, InSubsegment};
#[cfg(feature = "tokio")]
pub use spawn::spawn;

use crate::subsegment::Open;

thread_local! {
    static CURRENT: Cell<Option<Arc<Open>>> = const { Cell::new(None) };
}

/// The current subsegment, if there is one.
pub(crate) fn get() -> Option<Arc<Open>> {
    let read = |cell: &Cell<Option<Arc<Open>>>| {
        let current = cell.take();
        let copy = current.clone();
        cell.set(current);
        copy
    };
    // Only a thread that is ending has no cell, and nothing begins there.
    CURRENT.try_with(read).ok().flatten()
}

/// Sets the current subsegment and gives the former one.
pub(crate) fn replace(open: Option<Arc<Open>>) -> Option<Arc<Open>> {
    CURRENT.try_with(|cell| cell.replace(open)).ok().flatten()
}

/// Makes `open` the current subsegment until the guard is dropped, also by a panic. With
/// `None` there is no current one meanwhile.
pub(crate) fn enter(open: impl Into<Option<Arc<Open>>>) -> Entered {
    Entered {
        former: replace(open.into()),
    }
}

/// Restores the former subsegment on drop. It belongs to the thread that made it and is
/// never held across an `.await`.
#[derive(Debug)]
pub(crate) struct Entered {
    former: Option<Arc<Open>>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        replace(self.former.take());
    }
}
