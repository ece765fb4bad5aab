use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use serde::Serialize;
use xray_document::{AnnotationValue, Namespace};

use super::current::{Current, current};
use super::guard::Subsegment;
use crate::context;
use crate::emit::stats;
use crate::failure::CaptureError;
use crate::invocation::SubsegmentState;
use crate::record::{DEFAULT_NAMESPACE, Details, Metadata};

/// Returns a builder for a child of the current subsegment.
///
/// The subsegment begins with the builder's last call, such as
/// [`capture`](SubsegmentBuilder::capture). If nothing is recorded, the work runs as usual.
/// Outside an invocation the subsegment is counted in [`Stats::orphans`](crate::Stats::orphans).
///
/// A name is cut at 200 characters. In it, characters other than letters, numbers, whitespace
/// and `_.:/%&#=+\-@` become `_`. An empty name becomes `unknown` (X-Ray Developer Guide,
/// segment documents).
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

/// A subsegment that has not begun yet: see [`subsegment`](crate::subsegment()).
///
/// Its parent is the subsegment that was current when the builder was made. Its start time
/// is the call of [`start`](Self::start) or [`run`](Self::run), or the first poll of the
/// future of [`capture`](Self::capture) or [`trace`](Self::trace).
#[derive(Debug)]
#[must_use = "a subsegment begins with `capture`, `trace`, `run`, `try_run` or `start`"]
pub struct SubsegmentBuilder {
    parent: Option<Arc<SubsegmentState>>,
    /// `None` if the subsegment is not recorded.
    details: Option<Details>,
}

impl SubsegmentBuilder {
    #[inline]
    pub(crate) fn new(parent: Option<Arc<SubsegmentState>>, name: Cow<'static, str>) -> Self {
        let details = match &parent {
            Some(parent) => parent.is_recording().then(|| Details::new(name)),
            None => {
                stats::ORPHANS.add_one();
                None
            }
        };
        Self { parent, details }
    }

    /// Sets an annotation, like [`Current::annotate`].
    pub fn annotate(
        mut self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<AnnotationValue>,
    ) -> Self {
        if let Some(details) = &mut self.details {
            details.annotate(key.into(), value.into());
        }
        self
    }

    /// Sets a metadata value in the namespace `default`, like [`Current::metadata`].
    pub fn metadata(
        self,
        key: impl Into<Cow<'static, str>>,
        value: &(impl Serialize + ?Sized),
    ) -> Self {
        self.metadata_in(DEFAULT_NAMESPACE, key, value)
    }

    /// Sets a metadata value in the given namespace, like [`Current::metadata_in`].
    pub fn metadata_in(
        mut self,
        namespace: impl Into<Cow<'static, str>>,
        key: impl Into<Cow<'static, str>>,
        value: &(impl Serialize + ?Sized),
    ) -> Self {
        if let Some(details) = &mut self.details
            && let Some(value) = Metadata::new(namespace.into(), key.into(), value)
        {
            details.metadata(value);
        }
        self
    }

    /// Marks the subsegment as a call to another service, like [`Current::namespace`].
    pub fn namespace(mut self, namespace: Namespace) -> Self {
        if let Some(details) = &mut self.details {
            details.namespace = Some(namespace);
        }
        self
    }

    /// Runs a closure in the subsegment. A panic is recorded as a fault and continues. To
    /// record an `Err` too, use [`try_run`](Self::try_run).
    pub fn run<T>(self, work: impl FnOnce() -> T) -> T {
        if self.details.is_none() {
            let _entered = self.parent.map(context::enter);
            return work();
        }
        let subsegment = self.start();
        match catch_unwind(AssertUnwindSafe(|| subsegment.run(work))) {
            Ok(value) => value,
            Err(payload) => {
                subsegment.panicked(payload.as_ref());
                drop(subsegment);
                resume_unwind(payload)
            }
        }
    }

    /// Runs a closure in the subsegment and records its `Err` as a fault, with the error's
    /// `source()` chain.
    ///
    /// # Errors
    /// Returns the result of the closure unchanged.
    pub fn try_run<T, E, Kind>(self, work: impl FnOnce() -> Result<T, E>) -> Result<T, E>
    where
        E: CaptureError<Kind>,
    {
        self.run(|| {
            let result = work();
            if let Err(error) = &result {
                current().record_error(error);
            }
            result
        })
    }

    /// Begins the subsegment and returns its guard. The subsegment ends when the guard is
    /// dropped. It does not become the current subsegment: see [`Subsegment`].
    #[inline]
    pub fn start(self) -> Subsegment {
        match (self.parent, self.details) {
            (Some(parent), Some(details)) => Subsegment::begin(&parent, details),
            (parent, _) => Subsegment::unrecorded(parent),
        }
    }
}

impl Current {
    /// Returns a builder for a child of this subsegment, even if another one is current.
    pub fn subsegment(&self, name: impl Into<Cow<'static, str>>) -> SubsegmentBuilder {
        SubsegmentBuilder::new(self.state().cloned(), name.into())
    }
}
