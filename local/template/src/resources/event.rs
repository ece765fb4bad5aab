//! `Events` of type `Api` and `HttpApi`: the routes to a function.

use super::properties::Properties;
use crate::error::Problem;
use crate::model::Route;
use crate::place::Place;
use crate::source::Value;
use crate::suggest::did_you_mean;

/// The routes of a function. Each event of another type becomes a note.
///
/// Functions such as `Fn::If` may stand for all events, for one event, or for its properties.
/// SAM evaluates them if the template also has the transform `AWS::LanguageExtensions`
/// (serverless-application-model#1724).
pub(super) fn routes(function: &Properties<'_, '_>) -> Result<Vec<Route>, Problem> {
    let mut routes = Vec::new();
    // Not evaluated: the other types of events may refer to what does not exist locally.
    let Some(events) = function.unevaluated_nested("Events")? else {
        return Ok(routes);
    };
    for id in events.keys() {
        let route = route(&events, id);
        routes.extend(route.map_err(|problem| problem.about(&events.subject(id)))?);
    }
    Ok(routes)
}

fn route(events: &Properties<'_, '_>, id: &str) -> Result<Option<Route>, Problem> {
    let Some(event) = event(events, id)? else {
        return Ok(None);
    };
    let event_type = event_type(&event)?;
    if event_type != "Api" && event_type != "HttpApi" {
        let note = format!(
            "{}: {event_type} events are not sent locally; send one with `xray-local invoke`",
            event.owner
        );
        event.scope.note(event.place, note);
        return Ok(None);
    }
    let properties = event.unevaluated_mapping("Properties")?.unwrap_or_default();
    let properties = Properties::new(event.scope, event.owner, event.place, properties);
    route_of_api(&properties, &event_type).map(Some)
}

/// The event's `Type` and `Properties`. `None` if the event is `AWS::NoValue`.
fn event<'s, 't>(
    events: &Properties<'s, 't>,
    id: &str,
) -> Result<Option<Properties<'s, 't>>, Problem> {
    let Some(node) = events.unevaluated(id)? else {
        return Ok(None);
    };
    let kind = node.kind();
    let Value::Mapping(mapping) = node.value else {
        let message = format!("an event must be a mapping with Type and Properties, not {kind}");
        return Err(events.problem(id, node.place, &message));
    };
    Ok(Some(Properties::new(
        events.scope,
        events.subject(id),
        events.key_place(id),
        mapping,
    )))
}

fn event_type(event: &Properties<'_, '_>) -> Result<String, Problem> {
    let Some(event_type) = event.text("Type")? else {
        let message = "the event has no Type; add one such as 'Type: Api'";
        return Err(Problem::new(event.place, message));
    };
    if !EVENT_TYPES.contains(&event_type.as_str()) {
        let hint = did_you_mean(&event_type, EVENT_TYPES);
        let message = format!("'{event_type}' is not an event type{hint}");
        return Err(Problem::new(event.value_place("Type"), message));
    }
    Ok(event_type)
}

fn route_of_api(properties: &Properties<'_, '_>, event_type: &str) -> Result<Route, Problem> {
    check_property_names(properties, event_type)?;
    if properties.has("Auth") {
        properties.scope.note(
            properties.key_place("Auth"),
            format!("{}.Auth is not enforced locally", properties.owner),
        );
    }
    if event_type == "Api" {
        rest_route(properties)
    } else {
        http_route(properties)
    }
}

fn rest_route(properties: &Properties<'_, '_>) -> Result<Route, Problem> {
    Ok(Route {
        api: api(properties, "RestApiId", "ServerlessRestApi")?,
        method: method(properties)?.ok_or_else(|| missing(properties, "Method"))?,
        path: path(properties)?.ok_or_else(|| missing(properties, "Path"))?,
        payload_format: "1.0".to_owned(),
    })
}

/// Without path and method, the route is the default one: it gets every request that no other
/// route matches.
fn http_route(properties: &Properties<'_, '_>) -> Result<Route, Problem> {
    let api = api(properties, "ApiId", "ServerlessHttpApi")?;
    let payload_format = properties
        .choice("PayloadFormatVersion", &["1.0", "2.0"])?
        .unwrap_or_else(|| "2.0".to_owned());
    let (method, path) = match (method(properties)?, path(properties)?) {
        (Some(method), Some(path)) => (method, path),
        (None, None) => ("ANY".to_owned(), "$default".to_owned()),
        (None, Some(_)) => return Err(missing(properties, "Method")),
        (Some(_), None) => return Err(missing(properties, "Path")),
    };
    Ok(Route {
        api,
        method,
        path,
        payload_format,
    })
}

fn missing(properties: &Properties<'_, '_>, name: &str) -> Problem {
    Problem::new(properties.place, format!("the property {name} is missing"))
}

/// The logical id of the event's API, which is the value of a `Ref` to it.
fn api(properties: &Properties<'_, '_>, name: &str, implicit: &str) -> Result<String, Problem> {
    let Some(id) = properties.text(name)? else {
        return Ok(implicit.to_owned());
    };
    if id == implicit {
        return Ok(id);
    }
    let place = properties.value_place(name);
    let accepted: &[&str] = if name == "RestApiId" {
        &["AWS::Serverless::Api", "AWS::ApiGateway::RestApi"]
    } else {
        &["AWS::Serverless::HttpApi", "AWS::ApiGatewayV2::Api"]
    };
    match properties.scope.resource(&id) {
        Some(resource) if accepted.contains(&resource.resource_type.as_str()) => Ok(id),
        Some(resource) => {
            let message = format!(
                "must name an {}, but {id} is an {}",
                accepted[0], resource.resource_type
            );
            Err(properties.problem(name, place, &message))
        }
        None => {
            let apis = properties
                .scope
                .resources
                .iter()
                .filter(|resource| accepted.contains(&resource.resource_type.as_str()));
            let hint = did_you_mean(&id, apis.map(|resource| resource.id.as_str()));
            Err(properties.problem(
                name,
                place,
                &format!("'{id}' is not an API of this template{hint}"),
            ))
        }
    }
}

fn method(properties: &Properties<'_, '_>) -> Result<Option<String>, Problem> {
    let Some(method) = properties.text("Method")? else {
        return Ok(None);
    };
    let method = match method.to_uppercase() {
        method if method == "X-AMAZON-APIGATEWAY-ANY-METHOD" || method == "*" => "ANY".to_owned(),
        method => method,
    };
    if METHODS.contains(&method.as_str()) {
        return Ok(Some(method));
    }
    let hint = did_you_mean(&method, METHODS);
    let message = format!(
        "must be one of {}, not '{method}'{hint}",
        METHODS.join(", ")
    );
    Err(properties.problem("Method", properties.value_place("Method"), &message))
}

fn path(properties: &Properties<'_, '_>) -> Result<Option<String>, Problem> {
    let Some(path) = properties.text("Path")? else {
        return Ok(None);
    };
    let place: Place = properties.value_place("Path");
    if path == "$default" {
        return Ok(Some(path));
    }
    if !path.starts_with('/') {
        return Err(properties.problem(
            "Path",
            place,
            &format!("must begin with '/', not '{path}'"),
        ));
    }
    for (position, part) in path.split('/').enumerate() {
        let Some(name) = part.strip_prefix('{') else {
            continue;
        };
        let Some(name) = name.strip_suffix('}') else {
            return Err(properties.problem(
                "Path",
                place,
                &format!("the '{{' of '{part}' is not closed"),
            ));
        };
        if name.ends_with('+') && position != path.matches('/').count() {
            return Err(properties.problem(
                "Path",
                place,
                &format!("'{part}' matches the rest of a path, so it must come last"),
            ));
        }
        if name.trim_end_matches('+').is_empty() {
            return Err(properties.problem(
                "Path",
                place,
                "a path parameter needs a name between '{' and '}'",
            ));
        }
    }
    Ok(Some(path))
}

/// Rejects misspelt properties of an event.
fn check_property_names(properties: &Properties<'_, '_>, event_type: &str) -> Result<(), Problem> {
    let known = if event_type == "Api" {
        &API_PROPERTIES[..]
    } else {
        &HTTP_API_PROPERTIES[..]
    };
    for name in properties.keys().filter(|name| !known.contains(name)) {
        let hint = did_you_mean(name, known.iter().copied());
        if !hint.is_empty() {
            let message = format!("an {event_type} event has no property '{name}'{hint}");
            return Err(Problem::new(properties.key_place(name), message));
        }
    }
    Ok(())
}

const METHODS: [&str; 8] = [
    "ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT",
];

/// SAM specification, "Api" and "HttpApi" event sources.
const API_PROPERTIES: [&str; 8] = [
    "Auth",
    "Method",
    "Path",
    "RequestModel",
    "RequestParameters",
    "ResponseTransferMode",
    "RestApiId",
    "TimeoutInMillis",
];
const HTTP_API_PROPERTIES: [&str; 7] = [
    "ApiId",
    "Auth",
    "Method",
    "Path",
    "PayloadFormatVersion",
    "RouteSettings",
    "TimeoutInMillis",
];

/// SAM specification, "EventSource".
const EVENT_TYPES: [&str; 20] = [
    "AlexaSkill",
    "Api",
    "CloudWatchEvent",
    "CloudWatchLogs",
    "Cognito",
    "DocumentDB",
    "DynamoDB",
    "EventBridgeRule",
    "HttpApi",
    "IoTRule",
    "Kinesis",
    "MQ",
    "MSK",
    "S3",
    "SNS",
    "SQS",
    "Schedule",
    "ScheduleV2",
    "SelfManagedKafka",
    "WebSocketApi",
];
