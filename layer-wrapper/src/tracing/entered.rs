//! The spans that are entered on this thread, each with the subsegment that was current
//! before it.

use std::cell::RefCell;
use std::sync::Arc;

use tracing_core::span::Id;

use crate::context;
use crate::invocation::SubsegmentState;

struct Entered {
    span: Id,
    previous: Option<Arc<SubsegmentState>>,
}

thread_local! {
    static ENTERED: RefCell<Vec<Entered>> = const { RefCell::new(Vec::new()) };
}

/// Makes the span's subsegment the current one.
pub(super) fn push(span: &Id, state: Arc<SubsegmentState>) {
    let previous = context::replace(Some(state));
    let entered = Entered {
        span: span.clone(),
        previous,
    };
    with(|stack| stack.push(entered));
}

/// Restores the subsegment that was current before the span. If spans are exited in another
/// order than they were entered, the next span on the stack takes over the previous
/// subsegment of this one.
pub(super) fn pop(span: &Id) {
    let found = with(|stack| {
        let place = stack.iter().rposition(|entered| entered.span == *span)?;
        let left = stack.remove(place);
        Some(match stack.get_mut(place) {
            Some(above) => {
                above.previous = left.previous;
                None
            }
            None => Some(left.previous),
        })
    });
    if let Some(Some(Some(previous))) = found {
        context::replace(previous);
    }
}

/// The number of spans that are entered on this thread.
pub(crate) fn depth() -> usize {
    with(|stack| stack.len()).unwrap_or(0)
}

/// Removes the spans that a future left entered at the end of its poll, by a guard of
/// `Span::enter` that is held across an `.await`. They would keep their invocation alive.
pub(crate) fn truncate(depth: usize) {
    let forgotten = with(|stack| stack.split_off(depth.min(stack.len())));
    drop(forgotten);
}

fn with<T>(work: impl FnOnce(&mut Vec<Entered>) -> T) -> Option<T> {
    // Access fails only in a thread that is ending. The borrow never fails, because no
    // `work` enters a span.
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
