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

/// A subsegment that is about to begin: see [`subsegment`](crate::subsegment()).
///
/// Its parent is the subsegment that was current when the builder was made; its time runs
/// from [`start`](Self::start), [`run`](Self::run), or the first poll of a captured future.
#[derive(Debug)]
#[must_use = "a subsegment begins with `capture`, `trace`, `run`, `try_run` or `start`"]
pub struct SubsegmentBuilder {
    parent: Option<Arc<SubsegmentState>>,
    /// `None` where nothing is recorded.
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

    /// Sets an annotation: indexed, so that traces can be found by it.
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

    /// Sets a metadata value in the namespace `default`: kept, not indexed. A document
    /// over 64 KB loses its largest metadata first.
    pub fn metadata(
        self,
        key: impl Into<Cow<'static, str>>,
        value: &(impl Serialize + ?Sized),
    ) -> Self {
        self.metadata_in(DEFAULT_NAMESPACE, key, value)
    }

    /// Sets a metadata value in a namespace of one's own. Namespaces that begin with
    /// `AWS.` are AWS's.
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

    /// Says that this is a call to another service, which the service map then shows.
    pub fn namespace(mut self, namespace: Namespace) -> Self {
        if let Some(details) = &mut self.details {
            details.namespace = Some(namespace);
        }
        self
    }

    /// Runs a closure in the subsegment, whatever it returns.
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

    /// Runs a closure in the subsegment and records its `Err` as a fault.
    ///
    /// # Errors
    /// Those of the closure, as they are.
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

    /// Begins the subsegment; it ends with the guard.
    #[inline]
    pub fn start(self) -> Subsegment {
        match (self.parent, self.details) {
            (Some(parent), Some(details)) => Subsegment::begin(&parent, details),
            (parent, _) => Subsegment::unrecorded(parent),
        }
    }
}

impl Current {
    /// Begins a child of this subsegment, wherever the call stands.
    pub fn subsegment(&self, name: impl Into<Cow<'static, str>>) -> SubsegmentBuilder {
        SubsegmentBuilder::new(self.state().cloned(), name.into())
    }
}
