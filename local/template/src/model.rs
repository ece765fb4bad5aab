//! A template with every intrinsic function resolved.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Clone, Default)]
pub struct Template {
    pub functions: Vec<Function>,
    /// `AWS::Serverless::Api` and `HttpApi`, the implicit ones (`ServerlessRestApi`,
    /// `ServerlessHttpApi`) included.
    pub apis: Vec<Api>,
    pub tables: Vec<Table>,
    pub layers: Vec<Layer>,
    /// What was understood but has no effect locally, a line each with its place.
    pub notes: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct Function {
    pub logical_id: String,
    /// `FunctionName`, else the logical id.
    pub name: String,
    pub handler: String,
    /// `provided.al2023`, `python3.12`, …
    pub runtime: String,
    pub architecture: String,
    /// `CodeUri`, absolute.
    pub code_uri: PathBuf,
    /// `Metadata.BuildMethod`.
    pub build_method: Option<String>,
    /// `Metadata.BuildProperties.Binary`.
    pub binary: Option<String>,
    pub timeout: Duration,
    pub memory_mb: u32,
    pub environment: BTreeMap<String, String>,
    /// `Tracing: Active`
    pub active_tracing: bool,
    /// Logical ids of layers in this template, and ARNs.
    pub layers: Vec<String>,
    pub routes: Vec<Route>,
}

/// One `Api` or `HttpApi` event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Logical id of the API.
    pub api: String,
    /// Upper case, or `ANY`.
    pub method: String,
    /// `/items/{pk}`, `/{proxy+}`, `$default`.
    pub path: String,
    /// `1.0` or `2.0`; REST APIs are `1.0`, HTTP APIs `2.0` unless said otherwise.
    pub payload_format: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    pub logical_id: String,
    pub name: String,
    pub kind: ApiKind,
    /// `StageName`: `Prod` for the implicit REST API, `$default` for an HTTP API.
    pub stage: String,
    /// `TracingEnabled`; HTTP APIs cannot trace.
    pub tracing: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiKind {
    Rest,
    Http,
}

/// `AWS::DynamoDB::Table` or `AWS::Serverless::SimpleTable`, as a `CreateTable` request.
#[derive(Debug, Clone)]
pub struct Table {
    pub logical_id: String,
    pub name: String,
    /// The members of a `CreateTable` call, JSON.
    pub create_table: serde_json::Value,
}

#[derive(Debug, Clone)]
pub struct Layer {
    pub logical_id: String,
    /// `ContentUri`, absolute.
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
    /// `--parameter-overrides`
    pub parameters: BTreeMap<String, String>,
}

impl Default for StackContext {
    fn default() -> Self {
        Self {
            region: "us-east-1".to_owned(),
            account_id: "123456789012".to_owned(),
            stack_name: "local".to_owned(),
            parameters: BTreeMap::new(),
        }
    }
}
