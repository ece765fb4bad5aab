use http::Method;

use super::super::api::{ApiKind, Route};
use super::super::error::GatewayError;
use super::route::{ParsedRoute, ambiguous};

/// The routes of one API, the most specific first.
#[derive(Debug)]
pub(crate) struct RoutingTable {
    kind: ApiKind,
    routes: Vec<ParsedRoute>,
}

/// The route of a request.
#[derive(Debug)]
pub(crate) struct RouteMatch<'a> {
    pub(crate) route: &'a ParsedRoute,
    /// Names and values of the path parameters, percent-encoded as the caller sent them.
    pub(crate) parameters: Vec<(String, String)>,
}

impl RoutingTable {
    /// # Errors
    /// A route has an invalid path, method or payload format, or two routes are in conflict.
    pub(crate) fn new(kind: ApiKind, routes: Vec<Route>) -> Result<Self, GatewayError> {
        let mut routes: Vec<ParsedRoute> = routes
            .into_iter()
            .map(|route| ParsedRoute::new(kind, route))
            .collect::<Result<_, _>>()?;
        for (index, second) in routes.iter().enumerate() {
            for first in &routes[..index] {
                first.check_conflict(second, kind)?;
            }
        }
        routes.sort_by_key(|route| route.precedence(kind));
        Ok(Self { kind, routes })
    }

    /// The route of a request. `path` is percent-encoded.
    pub(crate) fn find(&self, method: &Method, path: &str) -> Option<RouteMatch<'_>> {
        match self.kind {
            // The most specific of the method's routes (API Gateway Developer Guide, "Route
            // selection": full match, greedy, `$default`).
            ApiKind::Http => self
                .matches(path)
                .find(|matched| matched.route.accepts(method)),
            // If the resource does not have the method, no other resource is tried.
            ApiKind::Rest => self
                .resource(path)
                .find(|matched| matched.route.accepts(method)),
        }
    }

    /// The methods of the resource at `path`, in upper case; `None` without a resource.
    pub(crate) fn methods_of_resource(&self, path: &str) -> Option<Vec<String>> {
        let methods = self.resource(path).map(|matched| matched.route.method());
        let methods: Vec<String> = methods.collect();
        (!methods.is_empty()).then_some(methods)
    }

    /// The routes of the most specific path, which is a resource of a REST API.
    fn resource(&self, path: &str) -> impl Iterator<Item = RouteMatch<'_>> {
        let shape = self.matches(path).next().map(|first| first.route.shape());
        let matches = self.matches(path);
        matches.take_while(move |matched| shape.as_ref() == Some(&matched.route.shape()))
    }

    /// The routes that match the path, the most specific first.
    fn matches(&self, path: &str) -> impl Iterator<Item = RouteMatch<'_>> {
        let rest = path.strip_prefix('/');
        let parts: Option<Vec<&str>> = rest.map(|rest| rest.split('/').collect());
        self.routes.iter().filter_map(move |route| {
            let parameters = route.match_path(parts.as_deref()?, self.kind)?;
            Some(RouteMatch { route, parameters })
        })
    }

    /// Checks that an API at the same address has none of these routes.
    pub(crate) fn check_conflict(&self, other: &Self) -> Result<(), GatewayError> {
        for first in &self.routes {
            for second in &other.routes {
                if first.matches_the_same_requests_as(second) {
                    return Err(ambiguous(
                        first,
                        second,
                        "both APIs are served at one address; give one of the routes another path",
                    ));
                }
            }
        }
        Ok(())
    }

    /// The routes for a log line: `GET /items/{pk}, POST /items`.
    pub(crate) fn list(&self) -> String {
        let keys: Vec<String> = self.routes.iter().map(ParsedRoute::key).collect();
        keys.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(kind: ApiKind, keys: &[&str]) -> Result<RoutingTable, GatewayError> {
        let routes = keys.iter().map(|key| {
            let (method, path) = key.split_once(' ').unwrap_or(("ANY", key));
            Route {
                method: method.to_owned(),
                path: path.to_owned(),
                payload_format: "2.0".to_owned(),
                function: format!("function of {key}"),
            }
        });
        RoutingTable::new(kind, routes.collect())
    }

    fn assert_routes(kind: ApiKind, keys: &[&str], cases: &[(&str, Option<&str>)]) {
        // The order of the routes must not matter.
        let reversed: Vec<&str> = keys.iter().rev().copied().collect();
        for keys in [keys, &reversed] {
            let table = table(kind, keys).unwrap();
            for (request, expected) in cases {
                let (method, path) = request.split_once(' ').unwrap();
                let matched = table
                    .find(&method.parse().unwrap(), path)
                    .map(|matched| matched.route.key());
                assert_eq!(matched.as_deref(), *expected, "{request}");
            }
        }
    }

    #[test]
    fn an_http_api_takes_the_most_specific_route_of_the_method() {
        let keys = [
            "GET /pets/dog/1",
            "GET /pets/dog/{id}",
            "GET /pets/{proxy+}",
            "ANY /{proxy+}",
            "$default",
            "POST /pets/{kind}/{id}",
        ];
        assert_routes(
            ApiKind::Http,
            &keys,
            &[
                ("GET /pets/dog/1", Some("GET /pets/dog/1")),
                ("GET /pets/dog/2", Some("GET /pets/dog/{id}")),
                ("GET /pets/dog/2/", Some("GET /pets/{proxy+}")),
                ("GET /pets/cat", Some("GET /pets/{proxy+}")),
                ("POST /pets/cat/1", Some("POST /pets/{kind}/{id}")),
                ("POST /test/5", Some("ANY /{proxy+}")),
                ("PUT /pets/dog/1", Some("ANY /{proxy+}")),
                ("GET /", Some("$default")),
            ],
        );
    }

    #[test]
    fn a_full_match_beats_a_greedy_one_on_an_http_api() {
        assert_routes(
            ApiKind::Http,
            &["GET /a/{proxy+}", "GET /{x}/b"],
            &[
                ("GET /a/b", Some("GET /{x}/b")),
                ("GET /a/c", Some("GET /a/{proxy+}")),
            ],
        );
    }

    #[test]
    fn a_rest_api_chooses_the_resource_before_the_method() {
        let keys = [
            "GET /items/{pk}",
            "ANY /items/{pk}/more",
            "ANY /other/{proxy+}",
            "GET /items/new",
            "ANY /items/new",
            "GET /",
        ];
        assert_routes(
            ApiKind::Rest,
            &keys,
            &[
                ("GET /", Some("GET /")),
                ("GET /items/1", Some("GET /items/{pk}")),
                ("GET /items/1/", Some("GET /items/{pk}")),
                ("GET /items/new", Some("GET /items/new")),
                ("PUT /items/new", Some("ANY /items/new")),
                ("POST /items/1", None),
                ("GET /items", None),
                ("GET /items/", None),
                ("GET /items//more", None),
                ("DELETE /items/1/more", Some("ANY /items/{pk}/more")),
                ("GET /other", None),
                ("GET /other/a/b/c", Some("ANY /other/{proxy+}")),
            ],
        );
    }

    #[test]
    fn a_route_of_one_method_beats_any() {
        assert_routes(
            ApiKind::Http,
            &["ANY /a", "GET /a"],
            &[
                ("GET /a", Some("GET /a")),
                ("POST /a", Some("ANY /a")),
                ("GET /a/", None),
            ],
        );
    }

    #[test]
    fn a_target_that_is_not_a_path_has_no_route() {
        let table = table(ApiKind::Http, &["$default", "/{proxy+}"]).unwrap();
        assert!(table.find(&Method::OPTIONS, "*").is_none());
        assert!(table.find(&Method::CONNECT, "").is_none());
    }

    #[test]
    fn routes_in_conflict_are_an_error_that_names_both() {
        for (kind, keys) in [
            (ApiKind::Rest, ["GET /items/{pk}", "GET /items/{pk}"]),
            (ApiKind::Http, ["GET /items/{a}", "get /items/{b}"]),
            (ApiKind::Http, ["ANY $default", "$default"]),
            (ApiKind::Rest, ["GET /items/{a}", "POST /items/{b}"]),
            (ApiKind::Rest, ["GET /items/{a}/x", "GET /items/{b}/y"]),
            (ApiKind::Rest, ["GET /items/{a}", "ANY /items/{proxy+}"]),
        ] {
            let error = table(kind, &keys).unwrap_err().to_string();
            for key in keys {
                assert!(error.contains(&format!("function of {key}")), "{error}");
            }
        }
    }

    #[test]
    fn routes_that_only_look_alike_are_accepted() {
        for (kind, keys) in [
            (ApiKind::Rest, ["GET /items/{pk}", "GET /items/new"]),
            (ApiKind::Rest, ["GET /items/{pk}", "POST /items/{pk}"]),
            (ApiKind::Rest, ["GET /a/{x}", "GET /b/{y}"]),
            (ApiKind::Http, ["GET /items/{a}", "POST /items/{b}"]),
        ] {
            assert!(table(kind, &keys).is_ok(), "{keys:?}");
        }
    }

    #[test]
    fn an_invalid_route_is_an_error_that_names_it_and_the_reason() {
        for (kind, key, word) in [
            (ApiKind::Rest, "GET items", "begin with /"),
            (ApiKind::Rest, "$default", "/{proxy+}"),
            (ApiKind::Http, "G(T /items", "method"),
        ] {
            let error = table(kind, &[key]).unwrap_err().to_string();
            assert!(
                error.contains(word) && error.contains(&format!("function of {key}")),
                "{error}"
            );
        }
    }
}
