/// An API and its routes, as [`ApiGateway`](crate::ApiGateway) serves them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    /// The API's logical id in its stack, such as `ServerlessRestApi`. The `apiId` of
    /// events and segments is derived from it, so the same logical id gives the same
    /// `apiId` in every run.
    pub logical_id: String,
    /// The API's name. With the stage, it is the name of the stage's segment: `name/stage`.
    pub name: String,
    /// REST or HTTP API.
    pub kind: ApiKind,
    /// The stage's name: `Prod`, or `$default` for most HTTP APIs.
    pub stage: String,
    /// True if the stage records a segment of each request. Ignored for HTTP APIs, which
    /// do not support X-Ray (API Gateway Developer Guide, "Choose between REST APIs and
    /// HTTP APIs").
    pub tracing: bool,
    /// The region in ARNs, such as `us-east-1`.
    pub region: String,
    /// The account in events and ARNs: 12 digits.
    pub account_id: String,
    /// The CORS configuration; `None` leaves CORS to the functions.
    pub cors: Option<Cors>,
    /// The routes, in any order.
    pub routes: Vec<Route>,
}

/// The CORS configuration of an API. Each text is the value of a response header.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cors {
    /// HTTP APIs: the allowed origins, each as in
    /// [`is_allowed_origin`](xray_local_listener::is_allowed_origin). REST APIs: the one value
    /// of `Access-Control-Allow-Origin`, sent to every origin.
    pub allow_origins: Vec<String>,
    /// `Access-Control-Allow-Methods`. `None` is the methods of the path for a REST API.
    pub allow_methods: Option<String>,
    /// `Access-Control-Allow-Headers`
    pub allow_headers: Option<String>,
    /// `Access-Control-Expose-Headers`. Ignored for REST APIs.
    pub expose_headers: Option<String>,
    /// `Access-Control-Max-Age`, in seconds.
    pub max_age: Option<String>,
    /// True for `Access-Control-Allow-Credentials: true`.
    pub allow_credentials: bool,
}

/// The two kinds of API that invoke functions by Lambda proxy integration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiKind {
    /// `AWS::Serverless::Api`, `AWS::ApiGateway::RestApi`.
    Rest,
    /// `AWS::Serverless::HttpApi`, `AWS::ApiGatewayV2::Api`.
    Http,
}

/// The requests of one method and path, and the function that they invoke.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// An HTTP method, or `ANY`. Case does not matter.
    pub method: String,
    /// `/items/{pk}`, `/{proxy+}`; for an HTTP API also `$default`, which matches
    /// every request that no other route matches.
    pub path: String,
    /// The version of the event, `1.0` or `2.0`. Ignored for REST APIs, which have 1.0 only.
    pub payload_format: String,
    /// The function's name.
    pub function: String,
}
