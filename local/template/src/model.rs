//! A template with every intrinsic function resolved.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// The parts of a template that can run on one machine.
#[derive(Debug, Clone, Default)]
pub struct Template {
    pub functions: Vec<Function>,
    /// REST and HTTP APIs. Includes SAM's implicit ones, `ServerlessRestApi` and
    /// `ServerlessHttpApi`.
    pub apis: Vec<Api>,
    pub tables: Vec<Table>,
    pub layers: Vec<Layer>,
    /// Parts that are valid but have no effect locally: one line each, with its place.
    pub notes: Vec<String>,
}

/// `AWS::Serverless::Function` or `AWS::Lambda::Function`.
#[derive(Debug, Clone)]
pub struct Function {
    pub logical_id: String,
    /// `FunctionName`, else the logical id.
    pub name: String,
    pub handler: String,
    /// `provided.al2023`, `python3.12`, …
    pub runtime: String,
    /// `x86_64` or `arm64`; `x86_64` by default.
    pub architecture: String,
    /// `CodeUri` (or `Code`) as an absolute path. The template's folder by default.
    pub code_uri: PathBuf,
    /// `Metadata.BuildMethod`.
    pub build_method: Option<String>,
    /// `Metadata.BuildProperties.Binary`: a file name, never a path.
    pub binary: Option<String>,
    /// 1 to 900 seconds; 3 seconds by default.
    pub timeout: Duration,
    /// 128 to 10,240 MB; 128 MB by default.
    pub memory_mb: u32,
    /// `Environment.Variables`.
    pub environment: BTreeMap<String, String>,
    /// True for `Tracing: Active`.
    pub active_tracing: bool,
    /// The logical ids of layers in this template, and the ARNs of others.
    pub layers: Vec<String>,
    pub routes: Vec<Route>,
}

/// One `Api` or `HttpApi` event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The logical id of the API.
    pub api: String,
    /// An HTTP method in upper case, or `ANY`.
    pub method: String,
    /// `/items/{pk}`, `/{proxy+}`, `$default`.
    pub path: String,
    /// `1.0` or `2.0`. REST APIs have `1.0`; HTTP APIs have `2.0` by default.
    pub payload_format: String,
}

/// A REST API or an HTTP API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    pub logical_id: String,
    /// `Name`, else the stack's name.
    pub name: String,
    pub kind: ApiKind,
    /// `StageName`. `Prod` for the implicit REST API; `$default` for HTTP APIs by default.
    pub stage: String,
    /// `TracingEnabled`. Always false for HTTP APIs, which cannot trace.
    pub tracing: bool,
    /// `Cors` of a REST API, `CorsConfiguration` of an HTTP API.
    pub cors: Option<Cors>,
}

/// The CORS configuration of an API. Each text is the value of a response header.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cors {
    /// HTTP APIs: each an origin, `*`, `https://*` or `http://*`. REST APIs: the one value of
    /// `Access-Control-Allow-Origin`, which may be a comma-separated list.
    pub allow_origins: Vec<String>,
    /// `GET,POST`. `None` lets a REST API name the methods of the path.
    pub allow_methods: Option<String>,
    /// `content-type,authorization`
    pub allow_headers: Option<String>,
    /// HTTP APIs only.
    pub expose_headers: Option<String>,
    /// Seconds for which a browser may keep the answer to a preflight request.
    pub max_age: Option<String>,
    /// Never true if every origin is allowed.
    pub allow_credentials: bool,
}

/// The two kinds of APIs of API Gateway that functions can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiKind {
    Rest,
    Http,
}

/// `AWS::DynamoDB::Table` or `AWS::Serverless::SimpleTable`.
#[derive(Debug, Clone)]
pub struct Table {
    pub logical_id: String,
    /// `TableName`, else `<stack>-<logical id>`.
    pub name: String,
    /// The body of DynamoDB's `CreateTable` request.
    pub create_table: serde_json::Value,
}

/// `AWS::Serverless::LayerVersion` or `AWS::Lambda::LayerVersion`.
#[derive(Debug, Clone)]
pub struct Layer {
    pub logical_id: String,
    /// `ContentUri` (or `Content`) as an absolute path.
    pub content_uri: PathBuf,
}

/// The stack that a template is read for: the values of pseudo parameters and parameters.
///
/// The default is a stack `local` of account 123456789012 in us-east-1, without overrides.
#[derive(Debug, Clone)]
pub struct StackContext {
    pub region: String,
    pub account_id: String,
    pub stack_name: String,
    /// The values of `--parameter-overrides`, by the parameter's name.
    pub parameter_overrides: BTreeMap<String, String>,
}

impl Default for StackContext {
    fn default() -> Self {
        Self {
            region: "us-east-1".to_owned(),
            account_id: "123456789012".to_owned(),
            stack_name: "local".to_owned(),
            parameter_overrides: BTreeMap::new(),
        }
    }
}
