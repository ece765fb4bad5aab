use std::sync::Arc;

use tracing_core::span::{Attributes, Id, Record};
use tracing_core::{Event, Level, LevelFilter, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use super::entered;
use super::visit::{ErrorField, Fields};
use crate::context;
use crate::failure::Failure;
use crate::invocation::SubsegmentState;
use crate::record::Details;
use crate::subsegment::Subsegment;

/// The libraries whose spans are not recorded, because the calls that they serve are
/// recorded as subsegments. A name with a final `_` means all crates that begin with it.
const LIBRARY_TARGETS: [&str; 8] = [
    "aws_",
    "h2",
    "hyper",
    "lambda_runtime",
    "lambda_http",
    "reqwest",
    "rustls",
    "tower",
];

/// Returns a layer for a `tracing` subscriber that records each span as a subsegment.
///
/// ```
/// use tracing_subscriber::layer::SubscriberExt as _;
///
/// let subscriber = tracing_subscriber::registry().with(xray_lambda::tracing_layer());
/// ```
///
/// Fields that begin with `annotation.` become annotations, other fields metadata. An `ERROR`
/// event with a field `error` makes its span a fault; `#[instrument(err)]` emits such an
/// event for an `Err`. A span with `parent: None` is a child of the handler's subsegment.
/// Spans of HTTP clients, of the AWS SDK and of Lambda's runtime are not recorded.
///
/// Spans of level `INFO` and above are recorded; see [`TracingLayer::max_level`]. Spans
/// outside an invocation, and in one that is not recorded, do nothing.
///
/// Put a filter for logs on the layer that writes them (`fmt::layer().with_filter(..)`). A
/// filter on the whole subscriber also hides spans from this layer.
pub fn tracing_layer() -> TracingLayer {
    TracingLayer {
        max_level: LevelFilter::INFO,
    }
}

/// A layer that records `tracing` spans: see [`tracing_layer`].
#[derive(Debug, Clone)]
pub struct TracingLayer {
    max_level: LevelFilter,
}

impl TracingLayer {
    /// Records spans of this level and above. The default is `INFO`. It is independent of the
    /// level of the logs.
    #[must_use]
    pub fn max_level(mut self, level: Level) -> Self {
        self.max_level = LevelFilter::from_level(level);
        self
    }

    /// Returns whether spans of this kind are recorded. The children of an unrecorded span become
    /// children of the span around it.
    fn is_recorded(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.max_level && !is_library(metadata)
    }
}

fn is_library(metadata: &Metadata<'_>) -> bool {
    LIBRARY_TARGETS
        .iter()
        .any(|library| is_target_of(metadata.target(), library))
}

/// Returns whether a target belongs to a crate, or to a family of crates such as `aws_`.
fn is_target_of(target: &str, name: &str) -> bool {
    target.strip_prefix(name).is_some_and(|rest| {
        name.ends_with('_') || rest.is_empty() || rest.starts_with("::") || rest.starts_with('_')
    })
}

/// The subsegment of a span, stored in the span's extensions.
struct Span(Subsegment);

impl<S> Layer<S> for TracingLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        if !self.is_recorded(attributes.metadata()) {
            return;
        }
        // An explicit parent wins. Otherwise the parent is the current subsegment, which
        // belongs to the span around this one or began within it. With `parent: None` it is
        // the handler's subsegment.
        let named = attributes
            .parent()
            .and_then(|parent| state_of(ctx.span(parent)));
        let Some(parent) = named
            .or_else(context::get)
            .filter(|parent| parent.is_recording())
        else {
            return;
        };
        let Some(span) = ctx.span(id) else { return };
        let mut details = Details::new(attributes.metadata().name().into());
        attributes.record(&mut Fields(&mut details));
        let begin = if attributes.is_root() {
            Subsegment::begin_outermost
        } else {
            Subsegment::begin
        };
        span.extensions_mut().insert(Span(begin(&parent, details)));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, ctx: Context<'_, S>) {
        if let Some(state) = ctx.span(id).and_then(own) {
            let mut recorded = Details::new("".into());
            values.record(&mut Fields(&mut recorded));
            state.edit(|details| details.merge(recorded));
        }
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        // A library may retry after an error. If the call fails in the end, its own subsegment
        // records that.
        if *event.metadata().level() != Level::ERROR || is_library(event.metadata()) {
            return;
        }
        let mut error = ErrorField::default();
        event.record(&mut error);
        if let Some(message) = error.0
            && let Some(state) = state_of(ctx.event_span(event))
        {
            state.fail(|| Failure::new("Error", message));
        }
    }

    fn on_enter(&self, id: &Id, ctx: Context<'_, S>) {
        if let Some(state) = ctx.span(id).and_then(own) {
            entered::push(id, state);
        }
    }

    fn on_exit(&self, id: &Id, ctx: Context<'_, S>) {
        if ctx.span(id).and_then(own).is_some() {
            entered::pop(id);
        }
    }

    fn on_close(&self, id: Id, ctx: Context<'_, S>) {
        if let Some(span) = ctx.span(&id) {
            let ended = span.extensions_mut().remove::<Span>();
            drop(ended);
        }
    }
}

/// The subsegment of a span.
fn own<S: for<'a> LookupSpan<'a>>(span: SpanRef<'_, S>) -> Option<Arc<SubsegmentState>> {
    span.extensions()
        .get::<Span>()
        .and_then(|span| span.0.state().cloned())
}

/// The subsegment of a span, or of the nearest span around it with a subsegment.
fn state_of<S: for<'a> LookupSpan<'a>>(
    span: Option<SpanRef<'_, S>>,
) -> Option<Arc<SubsegmentState>> {
    span?.scope().find_map(own)
}

#[cfg(test)]
mod tests {
    use super::is_target_of;

    #[test]
    fn a_crate_is_not_confused_with_another_with_the_same_prefix() {
        assert!(is_target_of("hyper::client", "hyper") && is_target_of("hyper_util::x", "hyper"));
        assert!(is_target_of("aws_smithy_runtime::client", "aws_") && is_target_of("h2", "h2"));
        assert!(!is_target_of("towers_of_hanoi", "tower") && !is_target_of("awsome", "aws_"));
    }
}
