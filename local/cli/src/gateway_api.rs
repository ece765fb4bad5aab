//! The gateway's form of a template's API.

use xray_local_gateway::{Api, ApiKind, Cors, Route};
use xray_local_template::{self as template, StackContext, Template};

/// The API with the routes of all functions to it.
pub(crate) fn gateway_api(template: &Template, api: &template::Api, context: &StackContext) -> Api {
    let functions = template.functions.iter();
    let routes = functions.flat_map(|function| {
        let own = function.routes.iter();
        own.filter(|route| route.api == api.logical_id)
            .map(|route| gateway_route(route, &function.name))
    });
    Api {
        logical_id: api.logical_id.clone(),
        name: api.name.clone(),
        kind: match api.kind {
            template::ApiKind::Rest => ApiKind::Rest,
            template::ApiKind::Http => ApiKind::Http,
        },
        stage: api.stage.clone(),
        tracing: api.tracing,
        region: context.region.clone(),
        account_id: context.account_id.clone(),
        cors: api.cors.clone().map(gateway_cors),
        routes: routes.collect(),
    }
}

fn gateway_cors(cors: template::Cors) -> Cors {
    Cors {
        allow_origins: cors.allow_origins,
        allow_methods: cors.allow_methods,
        allow_headers: cors.allow_headers,
        expose_headers: cors.expose_headers,
        max_age: cors.max_age,
        allow_credentials: cors.allow_credentials,
    }
}

fn gateway_route(route: &template::Route, function: &str) -> Route {
    Route {
        method: route.method.clone(),
        path: route.path.clone(),
        payload_format: route.payload_format.clone(),
        function: function.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn route(api: &str, path: &str) -> template::Route {
        template::Route {
            api: api.to_owned(),
            method: "GET".to_owned(),
            path: path.to_owned(),
            payload_format: "1.0".to_owned(),
        }
    }

    fn function(name: &str, routes: Vec<template::Route>) -> template::Function {
        template::Function {
            logical_id: name.to_owned(),
            name: name.to_owned(),
            handler: String::new(),
            runtime: String::new(),
            architecture: String::new(),
            code_uri: "/".into(),
            build_method: None,
            binary: None,
            timeout: Duration::from_secs(3),
            memory_mb: 128,
            environment: Default::default(),
            active_tracing: false,
            layers: Vec::new(),
            routes,
        }
    }

    #[test]
    fn an_api_has_the_routes_of_every_function_and_of_no_other_api() {
        let template = Template {
            functions: vec![
                function("items", vec![route("Mine", "/a"), route("Theirs", "/b")]),
                function("orders", vec![route("Mine", "/c")]),
            ],
            ..Template::default()
        };
        let api = template::Api {
            logical_id: "Mine".to_owned(),
            name: "demo".to_owned(),
            kind: template::ApiKind::Http,
            stage: "$default".to_owned(),
            tracing: false,
            cors: None,
        };
        let context = StackContext {
            region: "eu-west-1".to_owned(),
            ..StackContext::default()
        };
        let api = gateway_api(&template, &api, &context);
        assert_eq!(
            (api.kind, api.region.as_str()),
            (ApiKind::Http, "eu-west-1")
        );
        let routes = api.routes.iter();
        let routes: Vec<_> = routes
            .map(|route| (route.path.as_str(), route.function.as_str()))
            .collect();
        assert_eq!(routes, [("/a", "items"), ("/c", "orders")]);
    }
}
