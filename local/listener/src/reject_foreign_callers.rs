use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;

use crate::allowed_callers::AllowedCallers;
use crate::foreign_caller::ForeignCaller;

/// Makes the response to a foreign caller, in the error format of the API.
pub type Reject = fn(&ForeignCaller) -> Response;

/// Rejects requests of foreign callers, which are all that are not `allowed`, on every route and
/// fallback of `router`.
///
/// `reject` makes the response, which should have the status 403 and the error format of the
/// API.
pub fn reject_foreign_callers<S>(
    router: Router<S>,
    allowed: AllowedCallers,
    reject: Reject,
) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    router.layer(from_fn_with_state((Arc::new(allowed), reject), check))
}

async fn check(
    State((allowed, reject)): State<(Arc<AllowedCallers>, Reject)>,
    request: Request,
    next: Next,
) -> Response {
    match allowed.foreign_caller(&request) {
        Some(foreign) => reject(&foreign),
        None => next.run(request).await,
    }
}
