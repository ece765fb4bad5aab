use std::sync::{Arc, Mutex, PoisonError};

use xray_document::{SegmentId, Timestamp};

use super::Invocation;
use crate::failure::Failure;
use crate::record::Details;

/// An open subsegment. Its guard, its handles and the futures that run in it share it.
#[derive(Debug)]
pub(crate) struct SubsegmentState {
    pub(crate) invocation: Arc<Invocation>,
    pub(crate) id: SegmentId,
    parent: SegmentId,
    start: Timestamp,
    /// `None` after the subsegment is closed, and if it is not recorded.
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

    /// The root of an invocation that is not recorded. It only carries the trace.
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

    /// Changes the details. Does nothing if the subsegment is closed or not recorded.
    ///
    /// `edit` runs under a lock, so it must not run users' code such as a `Serialize` or a
    /// `Display`.
    pub(crate) fn edit(&self, edit: impl FnOnce(&mut Details)) {
        if self.is_recording()
            && let Some(details) = self.details().as_mut()
        {
            edit(details);
        }
    }

    /// Records a failure as a fault with its cause. A subsegment keeps its first cause.
    pub(crate) fn fail(&self, failure: impl FnOnce() -> Failure) {
        if self.is_recording() {
            let failure = failure();
            self.edit(|details| {
                details.flags.fault = true;
                self.set_cause(details, failure);
            });
        }
    }

    /// Records the cause of a failure and leaves the flags unchanged.
    pub(crate) fn set_cause(&self, details: &mut Details, failure: Failure) {
        let cause = &mut details.rare().cause;
        if cause.is_none() {
            *cause = self.invocation.cause_of(self.id, failure);
        }
    }

    /// Sends a copy that is marked as in progress.
    pub(crate) fn send_in_progress(&self) {
        if let Some(details) = self.details().as_ref() {
            self.invocation
                .send_in_progress(self.id, self.parent, self.start, details);
        }
    }

    /// Ends the subsegment. Later calls do nothing.
    pub(crate) fn close(&self) {
        let details = self.details().take();
        if let Some(mut details) = details {
            let end = Timestamp::now();
            self.invocation
                .close(self.id, self.parent, self.start, end, &mut details);
        }
    }

    fn details(&self) -> std::sync::MutexGuard<'_, Option<Details>> {
        // Each edit leaves the details valid, so they can be used after a panic.
        self.details.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
