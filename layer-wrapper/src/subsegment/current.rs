use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use xray_document::{AnnotationValue, Namespace, TraceHeader, TraceId};

use crate::context;
use crate::failure::{CaptureError, Failure, Sealed};
use crate::invocation::SubsegmentState;
use crate::record::{DEFAULT_NAMESPACE, Details, Metadata};

/// The subsegment that encloses this line, to annotate it.
///
/// ```
/// xray_lambda::current().annotate("tier", "gold");
/// ```
pub fn current() -> Current {
    Current::new(context::get())
}

/// A handle to a subsegment that is open: see [`current`](crate::current()).
///
/// Where nothing is recorded, and once the subsegment has ended, every call is a no-op.
#[derive(Clone)]
pub struct Current {
    state: Option<Arc<SubsegmentState>>,
}

impl Current {
    pub(crate) const fn new(state: Option<Arc<SubsegmentState>>) -> Self {
        Self { state }
    }

    pub(crate) const fn state(&self) -> Option<&Arc<SubsegmentState>> {
        self.state.as_ref()
    }

    pub(crate) fn edit(&self, edit: impl FnOnce(&mut Details)) {
        if let Some(state) = &self.state {
            state.edit(edit);
        }
    }

    pub(crate) fn fail(&self, failure: impl FnOnce() -> Failure) {
        if let Some(state) = &self.state {
            state.fail(failure);
        }
    }

    /// Sets an annotation: indexed, so that traces can be found by it. X-Ray indexes 50 of
    /// a trace. The last value of a key wins.
    pub fn annotate(
        &self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<AnnotationValue>,
    ) -> &Self {
        if self.is_recording() {
            let (key, value) = (key.into(), value.into());
            self.edit(|details| details.annotate(key, value));
        }
        self
    }

    /// Sets a metadata value in the namespace `default`: kept, not indexed.
    pub fn metadata(
        &self,
        key: impl Into<Cow<'static, str>>,
        value: &(impl Serialize + ?Sized),
    ) -> &Self {
        self.metadata_in(DEFAULT_NAMESPACE, key, value)
    }

    /// Sets a metadata value in a namespace of one's own.
    pub fn metadata_in(
        &self,
        namespace: impl Into<Cow<'static, str>>,
        key: impl Into<Cow<'static, str>>,
        value: &(impl Serialize + ?Sized),
    ) -> &Self {
        if self.is_recording()
            && let Some(value) = Metadata::new(namespace.into(), key.into(), value)
        {
            self.edit(|details| details.metadata(value));
        }
        self
    }

    /// Says that this is a call to another service.
    pub fn namespace(&self, namespace: Namespace) -> &Self {
        self.edit(|details| details.namespace = Some(namespace));
        self
    }

    /// Records an error with its `source()` chain as a fault.
    pub fn record_error<Kind>(&self, error: &impl CaptureError<Kind>) -> &Self {
        self.fail(|| error.describe(Sealed(())).0);
        self
    }

    /// Marks the subsegment as failed by its caller: HTTP's 4xx.
    pub fn set_error(&self) -> &Self {
        self.edit(|details| details.flags.error = true);
        self
    }

    /// Marks the subsegment as failed by the service: HTTP's 5xx.
    pub fn set_fault(&self) -> &Self {
        self.edit(|details| details.flags.fault = true);
        self
    }

    /// Whether what is set here reaches X-Ray. `false` in a trace that is not sampled, in
    /// PassThrough, outside an invocation, and where nobody would receive it.
    pub fn is_recording(&self) -> bool {
        self.state
            .as_ref()
            .is_some_and(|state| state.is_recording())
    }

    /// The trace's id, for a log line.
    pub fn trace_id(&self) -> Option<TraceId> {
        self.state.as_ref()?.invocation.trace.root()
    }

    /// The header that a call made from here carries, for clients that this crate does not
    /// know. There is one for traces that are not sampled, too.
    pub fn trace_header(&self) -> Option<TraceHeader> {
        let state = self.state.as_ref()?;
        state.invocation.trace.root()?;
        Some(
            state
                .invocation
                .trace
                .header(state.is_recording().then_some(state.id)),
        )
    }

    /// [`trace_header`](Self::trace_header) as it is sent.
    #[cfg(any(feature = "aws-sdk", feature = "http-client", feature = "reqwest"))]
    pub(crate) fn header_text(&self) -> Option<String> {
        let state = self.state.as_ref()?;
        state
            .invocation
            .trace
            .header_text(state.is_recording().then_some(state.id))
    }
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.state.as_ref().map(|state| state.id);
        f.debug_struct("Current").field("id", &id).finish()
    }
}
