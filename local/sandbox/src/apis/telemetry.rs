//! Lambda's Telemetry API (Lambda Developer Guide, "Using the Lambda Telemetry API"): one call,
//! `PUT /2022-07-01/telemetry`. The version in the path is the same for every schema.

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::body::read_small_body;
use super::context::ApiContext;
use super::extensions::identify;
use super::response::{json_response, rejected};
use crate::platform::{PlatformEvent, Subscription};
use crate::state::Rejection;

pub(crate) async fn subscribe(
    State(context): State<ApiContext>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match try_subscribe(&context, &headers, body).await {
        Ok(()) => json_response(200, "\"OK\""),
        Err(rejection) => rejected(&rejection),
    }
}

async fn try_subscribe(
    context: &ApiContext,
    headers: &HeaderMap,
    body: Body,
) -> Result<(), Rejection> {
    let id = identify(headers)?;
    let name = context.state.borrow().extension(id)?.name.clone();
    let invalid = |message: String| Rejection::new(400, "ValidationError", message);
    let body = read_small_body(body).await.map_err(invalid)?;
    let subscription = Subscription::parse(&body).map_err(invalid)?;
    let types = subscription.types.clone();
    context
        .reporter
        .telemetry
        .subscribe(&name, subscription)
        .map_err(|_| {
            Rejection::forbidden(
                "Telemetry.SubscriptionClosed",
                "extensions can subscribe only during init",
            )
        })?;
    context
        .reporter
        .emit(&PlatformEvent::TelemetrySubscription {
            name: &name,
            types: &types,
        });
    Ok(())
}
