use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use xray_document::{AnnotationValue, Namespace, TraceHeader, TraceId};

use crate::context;
use crate::failure::{CaptureError, Failure, Sealed};
use crate::invocation::SubsegmentState;
use crate::record::{DEFAULT_NAMESPACE, Details, Metadata};

/// Returns a handle to the current subsegment, for example to annotate it.
///
/// The current subsegment is the one whose future or closure is running, or the one of the
/// current `tracing` span. Without one, the handle ignores each call. Never fails.
///
/// ```
/// xray_lambda::current().annotate("tier", "gold");
/// ```
pub fn current() -> Current {
    Current::new(context::get())
}

/// A handle to an open subsegment: see [`current`](crate::current()).
///
/// If nothing is recorded, or after the subsegment has ended, each call does nothing. No
/// call fails, blocks or panics.
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

    /// Sets an annotation. X-Ray indexes it, so filter expressions can find the trace by it.
    ///
    /// The last value of a key wins. In the key, characters other than `A-Z`, `a-z`, `0-9`,
    /// `_`, `.` and `:` become `_`. A string value is truncated to 1,000 characters, the
    /// most that X-Ray indexes. X-Ray indexes at most 50 annotations per trace (AWS General
    /// Reference, X-Ray quotas).
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

    /// Sets a metadata value in the namespace `default`. X-Ray stores it and does not index
    /// it. See [`metadata_in`](Self::metadata_in).
    pub fn metadata(
        &self,
        key: impl Into<Cow<'static, str>>,
        value: &(impl Serialize + ?Sized),
    ) -> &Self {
        self.metadata_in(DEFAULT_NAMESPACE, key, value)
    }

    /// Sets a metadata value in the given namespace.
    ///
    /// The last value of a key wins. A value that cannot be serialized to JSON is left out.
    /// A document over 63 KB loses its largest metadata first. Namespaces that begin with
    /// `AWS.` are reserved for AWS.
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

    /// Marks the subsegment as a call to another service, which the service map shows as a
    /// node. The default is a local subsegment without a namespace.
    pub fn namespace(&self, namespace: Namespace) -> &Self {
        self.edit(|details| details.namespace = Some(namespace));
        self
    }

    /// Records an error as a fault, with its `source()` chain as the cause.
    ///
    /// The first error becomes the cause; later ones only set the fault flag. At most 16
    /// errors of a chain are kept, and 4,000 characters of each message.
    pub fn record_error<Kind>(&self, error: &impl CaptureError<Kind>) -> &Self {
        self.fail(|| error.describe(Sealed(())).0);
        self
    }

    /// Sets the flag `error`: the caller made a mistake, as in HTTP's 4xx.
    pub fn set_error(&self) -> &Self {
        self.edit(|details| details.flags.error = true);
        self
    }

    /// Sets the flag `fault`: the service failed, as in HTTP's 5xx.
    pub fn set_fault(&self) -> &Self {
        self.edit(|details| details.flags.fault = true);
        self
    }

    /// Returns whether this subsegment is recorded. It is `false` if the trace is not sampled,
    /// in the tracing mode PassThrough, outside an invocation, and if recording is disabled.
    pub fn is_recording(&self) -> bool {
        self.state
            .as_ref()
            .is_some_and(|state| state.is_recording())
    }

    /// Returns the trace id, for example for a log line. It is `None` outside an invocation and
    /// if the invocation has no trace.
    pub fn trace_id(&self) -> Option<TraceId> {
        self.state.as_ref()?.invocation.trace.root()
    }

    /// Returns the trace header (`X-Amzn-Trace-Id`) for a call from this subsegment, for
    /// clients that this crate does not support.
    ///
    /// A trace that is not sampled has a header too. It is `None` outside an invocation and if
    /// the invocation has no trace.
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

    /// [`trace_header`](Self::trace_header) as text.
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
