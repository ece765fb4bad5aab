use std::any::Any;
use std::borrow::Cow;
use std::fmt::Debug;
use std::sync::Arc;

use lambda_runtime::Context;
use xray_document::Timestamp;

use super::cold_start;
use super::config::Config;
use crate::context;
use crate::failure::Failure;
use crate::invocation::SubsegmentState;
use crate::invocation::{Invocation, Trace};
use crate::record::Details;
use crate::subsegment::Subsegment;

/// One invocation, from the call of the handler to its result. The invocation ends when this
/// is dropped.
#[derive(Debug)]
pub(super) struct Scope {
    pub(super) state: Arc<SubsegmentState>,
    /// `None` if nothing is recorded, and after the invocation has ended.
    subsegment: Option<Subsegment>,
}

impl Scope {
    /// Begins an invocation. `None` if an outer [`XRayLayer`](super::XRayLayer) has begun it.
    pub(super) fn begin(config: &Config, context: &Context) -> Option<Self> {
        let enclosing = context::get();
        if enclosing.is_some_and(|state| state.invocation.request_id == context.request_id) {
            return None;
        }
        let is_cold = cold_start::take_cold_start();
        let start = Timestamp::now();
        let deadline = deadline(context);
        let trace = Trace::new(context.xray_trace_id.as_deref());
        let parent = trace.parent();
        let request_id = context.request_id.clone();
        let invocation = Arc::new(Invocation::new(
            trace,
            request_id,
            config.emitter.clone(),
            start,
            deadline,
        ));
        let (Some(parent), true) = (parent, invocation.is_recording()) else {
            let state = Arc::new(SubsegmentState::unrecorded(invocation));
            return Some(Self {
                state,
                subsegment: None,
            });
        };
        let mut details = Details::new(name(config, context));
        details.annotate("ColdStart".into(), is_cold.into());
        if let Some(service) = &config.service {
            details.annotate("Service".into(), service.as_ref().into());
        }
        let subsegment = Subsegment::of_invocation(invocation, parent, start, details);
        let state = Arc::clone(subsegment.state()?);
        state.send_in_progress();
        Some(Self {
            state,
            subsegment: Some(subsegment),
        })
    }

    /// Ends the invocation with the handler's result.
    pub(super) fn end<T, E: Debug + 'static>(self, result: &Result<T, E>) {
        if let Err(error) = result {
            self.state.fail(|| Failure::from_debug(error));
        }
    }

    /// Ends the invocation with a panic.
    pub(super) fn panicked(self, payload: &(dyn Any + Send)) {
        if let Some(subsegment) = &self.subsegment {
            subsegment.panicked(payload);
        }
    }

    /// Marks the invocation as cancelled: its future is dropped before the end.
    pub(super) fn cancelled(&self) {
        self.state.edit(|details| details.mark("cancelled"));
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        drop(self.subsegment.take());
        self.state.invocation.finish();
    }
}

/// The time at which Lambda kills the function. The context has it in epoch milliseconds,
/// and has zero outside Lambda, which means no deadline.
fn deadline(context: &Context) -> Timestamp {
    let millis = i64::try_from(context.deadline)
        .ok()
        .filter(|millis| *millis > 0);
    Timestamp::from_micros(
        millis
            .and_then(|millis| millis.checked_mul(1000))
            .unwrap_or(i64::MAX / 2),
    )
}

fn name(config: &Config, context: &Context) -> Cow<'static, str> {
    match &config.name {
        Some(name) => name.clone(),
        None => Cow::Owned(format!("## {}", context.env_config.function_name)),
    }
}
