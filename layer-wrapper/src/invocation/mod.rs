//! One invocation: its trace, its open subsegments, and the finished ones until they are
//! sent.

mod buffer;
mod document_packer;
mod recorded_errors;
mod subsegment_state;
mod trace;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use xray_document::{DATAGRAM_HEADER, SegmentId, Timestamp};

use self::buffer::Buffer;
use self::recorded_errors::RecordedErrors;
pub(crate) use self::subsegment_state::SubsegmentState;
pub(crate) use self::trace::Trace;
use crate::emit::{Datagrams, Emitter, stats};
use crate::failure::{Cause, Failure};
use crate::record::{Details, in_progress};

/// The state that all subsegments of an invocation share. It lives as long as the last of
/// them, so that a subsegment that ends late still has its trace.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub(crate) trace: Trace,
    pub(crate) request_id: String,
    emitter: Option<Arc<Emitter>>,
    /// Mixed into each id. Environments that are restored from one SnapStart snapshot have
    /// the same random state, and two of them may serve one trace.
    salt: u64,
    /// The handler's subsegment, once it has begun.
    handler: OnceLock<SegmentId>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    buffer: Buffer,
    finished: bool,
    recorded_errors: RecordedErrors,
}

impl Invocation {
    pub(crate) fn new(
        trace: Trace,
        request_id: String,
        emitter: Option<Arc<Emitter>>,
        start: Timestamp,
        deadline: Timestamp,
    ) -> Self {
        let state = State {
            buffer: Buffer::new(start, deadline),
            finished: false,
            recorded_errors: RecordedErrors::default(),
        };
        let mut hasher = DefaultHasher::new();
        request_id.hash(&mut hasher);
        Self {
            trace,
            salt: hasher.finish(),
            request_id,
            emitter,
            handler: OnceLock::new(),
            state: Mutex::new(state),
        }
    }

    /// Makes an id for a subsegment of this invocation. It is never zero, which W3C Trace
    /// Context forbids.
    pub(crate) fn new_id(&self) -> SegmentId {
        SegmentId::from_u64((SegmentId::random().as_u64() ^ self.salt).max(1))
    }

    /// Sets the handler's subsegment.
    pub(crate) fn set_handler(&self, id: SegmentId) {
        // Later calls change nothing: the first subsegment is the outermost.
        let _ = self.handler.set(id);
    }

    #[cfg(feature = "tracing")]
    pub(crate) fn handler(&self) -> Option<SegmentId> {
        self.handler.get().copied()
    }

    /// Returns whether subsegments are recorded: the trace is sampled and has a destination.
    pub(crate) const fn is_recording(&self) -> bool {
        self.trace.is_sampled() && self.emitter.is_some()
    }

    /// Sends the document of a subsegment that has only begun. X-Ray keeps it if the function
    /// is killed.
    pub(crate) fn send_in_progress(
        &self,
        id: SegmentId,
        parent: SegmentId,
        start: Timestamp,
        details: &Details,
    ) {
        let (Some(emitter), Some(root)) = (&self.emitter, self.trace.root()) else {
            return;
        };
        emitter.send(Datagrams::one(512, |out| {
            out.extend_from_slice(DATAGRAM_HEADER);
            document_packer::begin_document(out, root, parent);
            in_progress(out, id, start, details);
            out.push(b'}');
        }));
    }

    /// Buffers a subsegment that has ended, and sends the buffer if it is due.
    pub(crate) fn close(
        &self,
        id: SegmentId,
        parent: SegmentId,
        start: Timestamp,
        end: Timestamp,
        details: &mut Details,
    ) {
        let mut state = self.state();
        if state.finished {
            details.mark("late");
            stats::LATE.add_one();
        }
        state.buffer.push(id, parent, start, end, details);
        state.recorded_errors.move_to_parent(id, parent);
        if state.finished || state.buffer.is_due(end) {
            let datagrams = self.drain(&mut state.buffer, end);
            drop(state);
            if let Some(emitter) = &self.emitter {
                emitter.send(datagrams);
            }
        }
    }

    /// Sends the buffered subsegments, then the signal that the invocation is done. The
    /// extension can then flush while the response is still on its way.
    pub(crate) fn finish(&self) {
        let Some(emitter) = &self.emitter else { return };
        let datagrams = {
            let mut state = self.state();
            state.finished = true;
            self.drain(&mut state.buffer, Timestamp::default())
        };
        emitter.finish(datagrams, &self.request_id);
    }

    /// Converts a failure of the subsegment `id` to the cause to record.
    pub(crate) fn cause_of(&self, id: SegmentId, failure: Failure) -> Option<Cause> {
        self.state().recorded_errors.cause_of(id, failure)
    }

    /// Empties the buffer into datagrams.
    fn drain(&self, buffer: &mut Buffer, now: Timestamp) -> Datagrams {
        let mut datagrams = Datagrams::default();
        if let Some(root) = self.trace.root()
            && !buffer.is_empty()
        {
            buffer.drain(root, now, || self.new_id(), &mut datagrams);
        }
        datagrams
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic under the lock leaves only whole entries, so the state is still valid.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
