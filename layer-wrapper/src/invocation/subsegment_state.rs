use std::sync::{Arc, Mutex, PoisonError};

use xray_document::{SegmentId, Timestamp};

use super::Invocation;
use crate::failure::Failure;
use crate::record::Details;

/// A subsegment from its beginning to its end, shared by its guard, the futures that run
/// in it and the handles to it.
#[derive(Debug)]
pub(crate) struct SubsegmentState {
    pub(crate) invocation: Arc<Invocation>,
    pub(crate) id: SegmentId,
    parent: SegmentId,
    start: Timestamp,
    /// `None` once it is closed, and where nothing is recorded.
    details: Mutex<Option<Details>>,
}

impl SubsegmentState {
    #[inline]
    pub(crate) fn new(
        invocation: Arc<Invocation>,
        parent: SegmentId,
        start: Timestamp,
        details: Details,
    ) -> Self {
        Self {
            id: invocation.new_id(),
            invocation,
            parent,
            start,
            details: Mutex::new(Some(details)),
        }
    }

    /// The root of an invocation that is not recorded: it only carries the trace.
    pub(crate) fn unrecorded(invocation: Arc<Invocation>) -> Self {
        let id = invocation.trace.parent().unwrap_or(SegmentId::from_u64(0));
        Self {
            invocation,
            id,
            parent: id,
            start: Timestamp::default(),
            details: Mutex::new(None),
        }
    }

    pub(crate) fn is_recording(&self) -> bool {
        self.invocation.is_recording()
    }

    /// Changes the details; nothing where the subsegment is closed or not recorded.
    ///
    /// `edit` runs under a lock: whatever is the user's own, such as a `Serialize` or a
    /// `Display`, runs before it.
    pub(crate) fn edit(&self, edit: impl FnOnce(&mut Details)) {
        if self.is_recording()
            && let Some(details) = self.details().as_mut()
        {
            edit(details);
        }
    }

    /// Records a failure: a fault with its cause. A subsegment keeps its first cause.
    pub(crate) fn fail(&self, failure: impl FnOnce() -> Failure) {
        if self.is_recording() {
            let failure = failure();
            self.edit(|details| {
                details.flags.fault = true;
                self.set_cause(details, failure);
            });
        }
    }

    /// Records why a call failed and leaves the flags as they are.
    pub(crate) fn set_cause(&self, details: &mut Details, failure: Failure) {
        let cause = &mut details.rare().cause;
        if cause.is_none() {
            *cause = self.invocation.cause_of(self.id, failure);
        }
    }

    /// Sends a copy that says that it is in progress.
    pub(crate) fn send_in_progress(&self) {
        if let Some(details) = self.details().as_ref() {
            self.invocation
                .send_in_progress(self.id, self.parent, self.start, details);
        }
    }

    /// Ends it. Only the first call does anything.
    pub(crate) fn close(&self) {
        let details = self.details().take();
        if let Some(mut details) = details {
            let end = Timestamp::now();
            self.invocation
                .close(self.id, self.parent, self.start, end, &mut details);
        }
    }

    fn details(&self) -> std::sync::MutexGuard<'_, Option<Details>> {
        // Details are whole between any two statements: a panic elsewhere spoils nothing.
        self.details.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
