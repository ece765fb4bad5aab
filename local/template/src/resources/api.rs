//! REST and HTTP APIs, and the implicit ones that SAM creates for events without an API.

use super::cors::{http_cors, rest_cors};
use super::properties::Properties;
use crate::error::Problem;
use crate::globals::Globals;
use crate::intrinsics::{Resource, Scope};
use crate::model::{Api, ApiKind, Function};
use crate::place::Place;
use crate::source::Mapping;

/// The API of a resource; `None` if the resource is not an API.
pub(crate) fn api(scope: &Scope<'_>, resource: &Resource) -> Result<Option<Api>, Problem> {
    let properties = Properties::of(scope, resource);
    let api = match resource.resource_type.as_str() {
        "AWS::Serverless::Api" => {
            let mut api = rest_api(&properties, &resource.id)?;
            api.stage = properties.required_text("StageName")?;
            api
        }
        "AWS::Serverless::HttpApi" => http_api(&properties, &resource.id)?,
        "AWS::ApiGateway::RestApi" => rest_api(&properties, &resource.id)?,
        "AWS::ApiGatewayV2::Api" => http_api(&properties, &resource.id)?,
        _ => return Ok(None),
    };
    for definition in ["DefinitionBody", "DefinitionUri", "Body", "BodyS3Location"] {
        if properties.has(definition) {
            let note = format!(
                "{}.{definition} is ignored locally: routes come from the events of the functions",
                resource.id
            );
            scope.note(properties.key_place(definition), note);
        }
    }
    if properties.has("Auth") {
        scope.note(
            properties.key_place("Auth"),
            format!("{}.Auth is not enforced locally", resource.id),
        );
    }
    Ok(Some(api))
}

/// `ServerlessRestApi` and `ServerlessHttpApi`, each only if a route uses it.
pub(crate) fn implicit_apis(
    scope: &Scope<'_>,
    globals: Globals<'_>,
    functions: &[Function],
) -> Result<Vec<Api>, Problem> {
    let is_used = |id: &str| {
        functions
            .iter()
            .flat_map(|function| &function.routes)
            .any(|route| route.api == id)
    };
    let properties = |resource_type: &str, id: &str| {
        let mapping = globals.merge(resource_type, &Mapping::default(), None);
        Properties::new(scope, id.to_owned(), Place::START, mapping)
    };
    let mut apis = Vec::new();
    if is_used("ServerlessRestApi") {
        apis.push(rest_api(
            &properties("AWS::Serverless::Api", "ServerlessRestApi"),
            "ServerlessRestApi",
        )?);
    }
    if is_used("ServerlessHttpApi") {
        apis.push(http_api(
            &properties("AWS::Serverless::HttpApi", "ServerlessHttpApi"),
            "ServerlessHttpApi",
        )?);
    }
    Ok(apis)
}

/// The API's name. As with SAM, it is the stack's name by default.
fn name(properties: &Properties<'_, '_>) -> Result<String, Problem> {
    Ok(properties
        .text("Name")?
        .unwrap_or_else(|| properties.scope.context.stack_name.clone()))
}

fn rest_api(properties: &Properties<'_, '_>, id: &str) -> Result<Api, Problem> {
    Ok(Api {
        logical_id: id.to_owned(),
        name: name(properties)?,
        kind: ApiKind::Rest,
        stage: "Prod".to_owned(),
        tracing: properties.flag("TracingEnabled")?.unwrap_or(false),
        cors: rest_cors(properties)?,
    })
}

fn http_api(properties: &Properties<'_, '_>, id: &str) -> Result<Api, Problem> {
    Ok(Api {
        logical_id: id.to_owned(),
        name: name(properties)?,
        kind: ApiKind::Http,
        stage: properties
            .text("StageName")?
            .unwrap_or_else(|| "$default".to_owned()),
        tracing: false,
        cors: http_cors(properties)?,
    })
}
