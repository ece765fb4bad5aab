use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use xray_local_listener::{AllowedCallers, ForeignCaller};

use crate::lambda_api::ApiError;

const OPEN_TO_OTHER_MACHINES: &str =
    "to let other machines call this API, start with --host 0.0.0.0";

/// Rejects requests of callers that are not `allowed`, in front of the router of
/// [`ApiGateway`](crate::ApiGateway).
///
/// The response has the status 403 and the body `{"message": …}`, as API Gateway's own.
pub fn reject_foreign_callers(router: Router, allowed: AllowedCallers) -> Router {
    xray_local_listener::reject_foreign_callers(router, allowed, reject_api_call)
}

/// Rejects requests of callers that are not `allowed`, in front of
/// [`lambda_router`](crate::lambda_router).
///
/// The response is Lambda's `AccessDeniedException` with the status 403.
pub fn reject_foreign_lambda_callers(router: Router, allowed: AllowedCallers) -> Router {
    xray_local_listener::reject_foreign_callers(router, allowed, reject_invocation)
}

fn reject_invocation(foreign: &ForeignCaller) -> Response {
    let advice = if foreign.is_host() {
        OPEN_TO_OTHER_MACHINES
    } else {
        "pages of other origins cannot call Lambda's Invoke API"
    };
    let message = format!("{foreign}; {advice}");
    ApiError::new(StatusCode::FORBIDDEN, "AccessDeniedException", message).into_response()
}

fn reject_api_call(foreign: &ForeignCaller) -> Response {
    let advice = if foreign.is_host() {
        OPEN_TO_OTHER_MACHINES
    } else {
        "to let pages of another origin call this API, start with --allow-origin ORIGIN"
    };
    let message = format!("{foreign}; {advice}");
    let body = serde_json::json!({ "message": message }).to_string();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::FORBIDDEN;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
