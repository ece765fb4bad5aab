//! CORS as API Gateway does it.
//!
//! HTTP APIs (API Gateway Developer Guide, "Configure CORS for HTTP APIs"): the gateway
//! answers a preflight request that has no route, and adds the headers to the responses of
//! functions, whose own CORS headers it ignores. REST APIs: SAM adds an `OPTIONS` method with
//! a mock integration to each path, and the responses of functions stay as they are
//! (`add_cors` of SAM's `swagger.py`).

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_METHOD, CONTENT_TYPE, ORIGIN,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use xray_local_listener::{is_allowed_origin, remove_cors_headers};

use super::api::{ApiKind, Cors};
use super::gateway::ApiGateway;
use super::gateway_response::GatewayResponse;
use super::proxy_response::ProxyResponse;
use super::request::ReceivedRequest;

/// The methods of `ANY` in the answer of a REST API (`_ALL_HTTP_METHODS` of SAM's
/// `base_editor.py`, sorted).
const ALL_METHODS: &str = "DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT";

/// The template of SAM's mock integration.
const MOCK_BODY: Bytes = Bytes::from_static(b"{}\n");

impl ApiGateway {
    /// The answer of the API's CORS configuration to a preflight request; `None` if the request
    /// is another one, or if a route answers it.
    pub(super) fn answer_preflight(&self, request: &ReceivedRequest) -> Option<GatewayResponse> {
        let cors = self.cors.as_ref()?;
        if request.method != Method::OPTIONS {
            return None;
        }
        let response = match self.stage.kind {
            ApiKind::Http => {
                let has_route = self.routes.find(&request.method, &request.path).is_some();
                (!has_route && is_preflight(request)).then(|| ProxyResponse {
                    status: StatusCode::NO_CONTENT,
                    headers: cors.http_headers(request),
                    body: Bytes::new(),
                })
            }
            ApiKind::Rest => {
                let methods = self.routes.methods_of_resource(&request.path)?;
                let has_route = methods.iter().any(|method| method == "OPTIONS");
                (!has_route).then(|| ProxyResponse {
                    status: StatusCode::OK,
                    headers: cors.rest_headers(methods),
                    body: MOCK_BODY,
                })
            }
        };
        response.map(|response| GatewayResponse {
            response,
            note: "answered by the CORS configuration".to_owned(),
        })
    }

    /// Replaces the CORS headers of a function's response, if an HTTP API has a CORS
    /// configuration.
    pub(super) fn set_cors_headers(&self, request: &ReceivedRequest, headers: &mut HeaderMap) {
        let Some(cors) = &self.cors else { return };
        if self.stage.kind == ApiKind::Rest {
            return;
        }
        remove_cors_headers(headers);
        headers.extend(cors.http_headers(request));
    }
}

impl Cors {
    /// The headers of an HTTP API's response. Empty if the request has no allowed `Origin`.
    fn http_headers(&self, request: &ReceivedRequest) -> HeaderMap {
        let Some(origin) = request.header(&ORIGIN) else {
            return HeaderMap::new();
        };
        let mut origins = self.allow_origins.iter();
        let Some(allowed) = origins.find(|allowed| is_allowed_origin(allowed, &origin)) else {
            return HeaderMap::new();
        };
        let origin = if allowed == "*" { allowed } else { &origin };
        let mut headers = self.common_headers(origin);
        if is_preflight(request) {
            set(
                &mut headers,
                ACCESS_CONTROL_ALLOW_METHODS,
                self.allow_methods.as_deref(),
            );
            set(
                &mut headers,
                ACCESS_CONTROL_ALLOW_HEADERS,
                self.allow_headers.as_deref(),
            );
            set(
                &mut headers,
                ACCESS_CONTROL_MAX_AGE,
                self.max_age.as_deref(),
            );
        } else {
            set(
                &mut headers,
                ACCESS_CONTROL_EXPOSE_HEADERS,
                self.expose_headers.as_deref(),
            );
        }
        headers
    }

    /// The headers of a REST API's mock integration, which do not depend on the request.
    /// `methods` are those of the path.
    fn rest_headers(&self, mut methods: Vec<String>) -> HeaderMap {
        let mut headers = self.common_headers(&self.allow_origins.join(","));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let of_path = if methods.iter().any(|method| method == "ANY") {
            ALL_METHODS.to_owned()
        } else {
            methods.push("OPTIONS".to_owned());
            methods.sort_unstable();
            methods.join(",")
        };
        let methods = self.allow_methods.as_deref().unwrap_or(&of_path);
        set(&mut headers, ACCESS_CONTROL_ALLOW_METHODS, Some(methods));
        set(
            &mut headers,
            ACCESS_CONTROL_ALLOW_HEADERS,
            self.allow_headers.as_deref(),
        );
        set(
            &mut headers,
            ACCESS_CONTROL_MAX_AGE,
            self.max_age.as_deref(),
        );
        headers
    }

    fn common_headers(&self, origin: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        set(&mut headers, ACCESS_CONTROL_ALLOW_ORIGIN, Some(origin));
        let credentials = self.allow_credentials.then_some("true");
        set(&mut headers, ACCESS_CONTROL_ALLOW_CREDENTIALS, credentials);
        headers
    }
}

/// Returns true if a browser asks for permission to send another request. Without these
/// headers, `OPTIONS` is a method like others.
fn is_preflight(request: &ReceivedRequest) -> bool {
    request.method == Method::OPTIONS
        && request.headers.contains_key(ORIGIN)
        && request.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: Option<&str>) {
    // A value that is not a header's is left out; the template's reader rejects it.
    if let Some(Ok(value)) = value.map(HeaderValue::from_str) {
        headers.insert(name, value);
    }
}
