//! `PUT /2022-07-01/telemetry`: the version in the path is the same for every schema.

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::context::ApiContext;
use super::extensions::identify;
use super::payload::read_small;
use super::response::{answer, refuse};
use crate::platform::{PlatformEvent, Subscription};
use crate::state::Refusal;

pub(crate) async fn subscribe(
    State(context): State<ApiContext>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match accept(&context, &headers, body).await {
        Ok(()) => answer(200, "\"OK\""),
        Err(refusal) => refuse(&refusal),
    }
}

async fn accept(context: &ApiContext, headers: &HeaderMap, body: Body) -> Result<(), Refusal> {
    let id = identify(headers)?;
    let name = context.state.borrow().extension(id)?.name.clone();
    let invalid = |message: String| Refusal::new(400, "ValidationError", message);
    let body = read_small(body).await.map_err(invalid)?;
    let subscription = Subscription::parse(&body).map_err(invalid)?;
    let types = subscription.types.clone();
    context
        .reporter
        .telemetry
        .subscribe(&name, subscription)
        .map_err(|_| {
            Refusal::forbidden(
                "Telemetry.SubscriptionClosed",
                "extensions subscribe during init only",
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
