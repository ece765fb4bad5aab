//! Subsegments: begun by name, annotated, and closed exactly once.

mod builder;
mod captured;
mod handle;
mod open;

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use xray_document::{SegmentId, Timestamp};

pub use builder::SubsegmentBuilder;
pub use captured::Captured;
pub(crate) use captured::catch;
pub use handle::Current;
pub(crate) use open::Open;

use crate::context;
use crate::failure::{Failure, of_panic};
use crate::invocation::Invocation;
use crate::record::Details;

/// A subsegment under the current one. It begins with the builder's last call:
///
/// ```
/// # async fn fetch_quote() -> Result<u32, std::io::Error> { Ok(1) }
/// # async fn example() -> Result<(), std::io::Error> {
/// let quote = xray_lambda::subsegment("supplier quote")
///     .annotate("supplier", "acme")
///     .metadata("request", &["a", "b"])
///     .capture(fetch_quote())
///     .await?;
/// # Ok(())
/// # }
/// ```
pub fn subsegment(name: impl Into<Cow<'static, str>>) -> SubsegmentBuilder {
    SubsegmentBuilder::new(context::get(), name.into())
}

/// The subsegment that encloses this line, to annotate it.
///
/// ```
/// xray_lambda::current().annotate("tier", "gold");
/// ```
pub fn current() -> Current {
    Current::new(context::get())
}

/// A subsegment that has begun. It ends when it is dropped or [closed](Self::close).
///
/// It is not the current one: what begins beside it is its sibling. What is to be its
/// child begins within [`run`](Self::run), or by [`subsegment`](Current::subsegment) on it.
#[must_use = "a subsegment ends when it is dropped"]
pub struct Subsegment {
    handle: Current,
    /// Nothing is recorded: the handle is that of the enclosing subsegment, which is not
    /// ours to close or to change.
    silent: bool,
}

impl Subsegment {
    /// Begins a subsegment under `parent`.
    #[inline]
    pub(crate) fn begin(parent: &Arc<Open>, details: Details) -> Self {
        let invocation = Arc::clone(&parent.invocation);
        Self::open(Open::new(invocation, parent.id, Timestamp::now(), details))
    }

    /// Begins a subsegment in `within`'s invocation, directly under the handler's.
    #[cfg(feature = "tracing")]
    pub(crate) fn begin_outermost(within: &Arc<Open>, details: Details) -> Self {
        let invocation = Arc::clone(&within.invocation);
        let parent = invocation.handler().unwrap_or(within.id);
        Self::open(Open::new(invocation, parent, Timestamp::now(), details))
    }

    /// The subsegment that covers a whole invocation.
    pub(crate) fn of_invocation(
        invocation: Arc<Invocation>,
        parent: SegmentId,
        start: Timestamp,
        details: Details,
    ) -> Self {
        let open = Open::new(invocation, parent, start, details);
        open.invocation.set_handler(open.id);
        Self::open(open)
    }

    /// One that records nothing, in an enclosing one that records nothing either.
    pub(crate) fn silent(enclosing: Option<Arc<Open>>) -> Self {
        Self {
            handle: Current::new(enclosing),
            silent: true,
        }
    }

    fn open(open: Open) -> Self {
        Self {
            handle: Current::new(Some(Arc::new(open))),
            silent: false,
        }
    }

    /// Runs a closure in this subsegment: what it begins are children.
    pub fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        let _entered = self.handle.open().cloned().map(context::enter);
        work()
    }

    /// Ends the subsegment now.
    pub fn close(self) {}

    pub(crate) fn panicked(&self, payload: &(dyn std::any::Any + Send)) {
        self.handle.fail(|| of_panic(payload));
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
        let Some(open) = self.handle.open().filter(|_| !self.silent) else {
            return;
        };
        if std::thread::panicking() {
            // Whoever caught the panic knows its message; a guard on the stack does not.
            open.fail(|| Failure::new("panic", "the thread panicked in this subsegment"));
        }
        open.close();
    }
}

impl fmt::Debug for Subsegment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subsegment")
            .field("handle", &self.handle)
            .finish_non_exhaustive()
    }
}
