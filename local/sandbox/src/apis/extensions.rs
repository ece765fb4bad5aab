//! Lambda's Extensions API (Lambda Developer Guide, "Using the Lambda Extensions API").

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;
use xray_document::Timestamp;

use super::body::read_small_body;
use super::context::ApiContext;
use super::response::{accepted, json_response, rejected};
use crate::platform::{ExtensionReport, PlatformEvent};
use crate::state::{ExtensionEvent, ExtensionState, RegisteredEvents, Rejection};

const NAME: &str = "Lambda-Extension-Name";
const IDENTIFIER: &str = "Lambda-Extension-Identifier";
const EVENT_IDENTIFIER: &str = "Lambda-Extension-Event-Identifier";
const ERROR_TYPE: &str = "Lambda-Extension-Function-Error-Type";
const ACCEPT_FEATURE: &str = "Lambda-Extension-Accept-Feature";

pub(crate) async fn register(
    State(context): State<ApiContext>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let registered = match read_registration(&headers, body).await {
        Ok((name, events)) => context.state.change(|state| state.register(&name, events)),
        Err(rejection) => Err(rejection),
    };
    let id = match registered {
        Ok(id) => id,
        Err(rejection) => return rejected(&rejection),
    };
    let function = &context.function;
    let mut body = json!({
        "functionName": function.name,
        "functionVersion": "$LATEST",
        "handler": function.handler,
    });
    let features = headers
        .get(ACCEPT_FEATURE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if features
        .split(',')
        .any(|feature| feature.trim() == "accountId")
    {
        body["accountId"] = function.account_id.as_str().into();
    }
    with_header(json_response(200, body.to_string()), IDENTIFIER, id)
}

async fn read_registration(
    headers: &HeaderMap,
    body: Body,
) -> Result<(String, RegisteredEvents), Rejection> {
    let name = headers
        .get(NAME)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if name.is_empty() {
        return Err(Rejection::forbidden(
            "Extension.InvalidExtensionName",
            format!("the header {NAME} is missing"),
        ));
    }
    let invalid = |message: String| Rejection::forbidden("InvalidRequestFormat", message);
    let body = read_small_body(body).await.map_err(invalid)?;
    let registration: Registration = if body.is_empty() {
        Registration::default()
    } else {
        serde_json::from_slice(&body)
            .map_err(|error| invalid(format!("the body is not a valid registration: {error}")))?
    };
    if registration
        .configuration_keys
        .is_some_and(|keys| !keys.is_empty())
    {
        return Err(invalid(
            "configurationKeys is deprecated: remove it".to_owned(),
        ));
    }
    let mut events = RegisteredEvents::default();
    for event in registration.events.unwrap_or_default() {
        match event.as_str() {
            "INVOKE" => events.invoke = true,
            "SHUTDOWN" => events.shutdown = true,
            other => {
                let message = format!("event {other} is unknown: use INVOKE or SHUTDOWN");
                return Err(Rejection::forbidden("Extension.InvalidEventType", message));
            }
        }
    }
    Ok((name.to_owned(), events))
}

/// The body of register.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Registration {
    events: Option<Vec<String>>,
    configuration_keys: Option<Vec<serde_json::Value>>,
}

/// Waits for an event without a time limit, because an environment may stay frozen for long.
pub(crate) async fn next(State(context): State<ApiContext>, headers: HeaderMap) -> Response {
    let identified = identify(&headers).and_then(|id| {
        let first = context
            .state
            .change(|state| state.extension_next(id, Timestamp::now()))?;
        if first {
            report_ready(&context, id)?;
        }
        Ok(id)
    });
    let id = match identified {
        Ok(id) => id,
        Err(rejection) => return rejected(&rejection),
    };
    let event = loop {
        context
            .state
            .until(|state| state.has_event(id).then_some(()))
            .await;
        // Another connection of the same extension may have fetched the event.
        if let Some(event) = context.state.change(|state| state.extension_fetch(id)) {
            break event;
        }
    };
    with_header(
        json_response(200, event_body(&event).to_string()),
        EVENT_IDENTIFIER,
        Uuid::new_v4(),
    )
}

fn report_ready(context: &ApiContext, id: Uuid) -> Result<(), Rejection> {
    let (name, events) = {
        let state = context.state.borrow();
        let extension = state.extension(id)?;
        (extension.name.clone(), extension.events)
    };
    context.reporter.emit(&PlatformEvent::Extension {
        name: &name,
        events,
        report: ExtensionReport::Ready,
    });
    Ok(())
}

fn event_body(event: &ExtensionEvent) -> serde_json::Value {
    match event {
        ExtensionEvent::Invoke(request) => {
            let mut event = json!({
                "eventType": "INVOKE",
                "deadlineMs": request.deadline_ms,
                "requestId": request.id,
                "invokedFunctionArn": request.arn,
            });
            if !request.trace_header.is_empty() {
                event["tracing"] =
                    json!({"type": xray_document::TRACE_HEADER, "value": request.trace_header});
            }
            event
        }
        ExtensionEvent::Shutdown {
            reason,
            deadline_ms,
        } => json!({
            "eventType": "SHUTDOWN",
            "shutdownReason": reason.as_str(),
            "deadlineMs": deadline_ms,
        }),
    }
}

pub(crate) async fn init_error(
    State(context): State<ApiContext>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    handle_error(&context, &headers, body, ErrorCall::Init).await
}

pub(crate) async fn exit_error(
    State(context): State<ApiContext>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    handle_error(&context, &headers, body, ErrorCall::Exit).await
}

/// The two calls by which an extension reports an error.
#[derive(Debug, Clone, Copy)]
enum ErrorCall {
    Init,
    Exit,
}

async fn handle_error(
    context: &ApiContext,
    headers: &HeaderMap,
    body: Body,
    call: ErrorCall,
) -> Response {
    // Lambda keeps only the error's type, not its description.
    let _ = read_small_body(body).await;
    match record_error(context, headers, call) {
        Ok(()) => accepted(),
        Err(rejection) => rejected(&rejection),
    }
}

fn record_error(
    context: &ApiContext,
    headers: &HeaderMap,
    call: ErrorCall,
) -> Result<(), Rejection> {
    let id = identify(headers)?;
    let error_type = headers
        .get(ERROR_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if error_type.is_empty() {
        return Err(Rejection::forbidden(
            "Extension.MissingHeader",
            format!("the header {ERROR_TYPE} is missing"),
        ));
    }
    let (name, events) = {
        let state = context.state.borrow();
        let extension = state.extension(id)?;
        (extension.name.clone(), extension.events)
    };
    let (state, report) = match call {
        ErrorCall::Init => (
            ExtensionState::InitError(error_type.to_owned()),
            ExtensionReport::InitError(error_type),
        ),
        ErrorCall::Exit => (
            ExtensionState::ExitError(error_type.to_owned()),
            ExtensionReport::ExitError(error_type),
        ),
    };
    context
        .state
        .change(|states| states.extension_failed(id, state))?;
    context.reporter.emit(&PlatformEvent::Extension {
        name: &name,
        events,
        report,
    });
    Ok(())
}

/// The identifier of the calling extension, which it received from register.
pub(crate) fn identify(headers: &HeaderMap) -> Result<Uuid, Rejection> {
    let Some(value) = headers.get(IDENTIFIER) else {
        return Err(Rejection::forbidden(
            "Extension.MissingExtensionIdentifier",
            format!("the header {IDENTIFIER} is missing"),
        ));
    };
    value
        .to_str()
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| {
            Rejection::forbidden(
                "Extension.InvalidExtensionIdentifier",
                format!("the header {IDENTIFIER} is not an identifier from register"),
            )
        })
}

fn with_header(mut response: Response, name: &'static str, value: Uuid) -> Response {
    if let Ok(value) = HeaderValue::try_from(value.to_string()) {
        response.headers_mut().insert(name, value);
    }
    response
}
