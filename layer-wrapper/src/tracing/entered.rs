//! The spans that are entered on this thread, and what was current before each.

use std::cell::RefCell;
use std::sync::Arc;

use tracing_core::span::Id;

use crate::context;
use crate::invocation::SubsegmentState;

struct Entered {
    span: Id,
    former: Option<Arc<SubsegmentState>>,
}

thread_local! {
    static ENTERED: RefCell<Vec<Entered>> = const { RefCell::new(Vec::new()) };
}

/// Makes the span's subsegment the current one.
pub(super) fn push(span: &Id, state: Arc<SubsegmentState>) {
    let former = context::replace(Some(state));
    let entered = Entered {
        span: span.clone(),
        former,
    };
    with(|stack| stack.push(entered));
}

/// Makes current again what was so before the span. Spans may be left in another order
/// than they were entered: then the one above takes over what the span had kept.
pub(super) fn pop(span: &Id) {
    let found = with(|stack| {
        let place = stack.iter().rposition(|entered| entered.span == *span)?;
        let left = stack.remove(place);
        Some(match stack.get_mut(place) {
            Some(above) => {
                above.former = left.former;
                None
            }
            None => Some(left.former),
        })
    });
    if let Some(Some(Some(former))) = found {
        context::replace(former);
    }
}

/// The number of spans that are entered on this thread.
pub(crate) fn depth() -> usize {
    with(|stack| stack.len()).unwrap_or(0)
}

/// Forgets spans that a future left entered when its poll ended: a guard of
/// `Span::enter` that was held across an `.await`. They would keep their invocation alive.
pub(crate) fn truncate(depth: usize) {
    let forgotten = with(|stack| stack.split_off(depth.min(stack.len())));
    drop(forgotten);
}

fn with<T>(work: impl FnOnce(&mut Vec<Entered>) -> T) -> Option<T> {
    // A thread that is ending has no stack, and a borrow cannot be held: nothing here
    // calls anything that could enter a span.
    ENTERED
        .try_with(|stack| {
            stack
                .try_borrow_mut()
                .ok()
                .map(|mut stack| work(&mut stack))
        })
        .ok()
        .flatten()
}
