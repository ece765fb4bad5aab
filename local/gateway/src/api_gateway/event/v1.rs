use std::collections::BTreeMap;

use http::header;
use serde::Serialize;

use super::super::api::ApiKind;
use super::super::request::ReceivedRequest;
use super::super::routing::RouteMatch;
use super::super::stage::Stage;
use super::super::text::decode;
use super::domain::domain_prefix;
use super::{body, headers, query};
use crate::common_log_time::common_log_time;

/// The event of a REST API, and of an HTTP API with payload format 1.0.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event<'a> {
    /// Only in events of HTTP APIs.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'static str>,
    resource: &'a str,
    path: String,
    http_method: &'a str,
    /// The last value of each header.
    headers: BTreeMap<String, String>,
    multi_value_headers: BTreeMap<String, Vec<String>>,
    query_string_parameters: Option<BTreeMap<String, String>>,
    multi_value_query_string_parameters: Option<BTreeMap<String, Vec<String>>>,
    path_parameters: Option<BTreeMap<&'a str, String>>,
    stage_variables: Option<()>,
    request_context: RequestContext<'a>,
    body: Option<String>,
    is_base64_encoded: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    account_id: &'a str,
    api_id: &'a str,
    domain_name: &'a str,
    domain_prefix: &'a str,
    extended_request_id: &'a str,
    http_method: &'a str,
    identity: Identity,
    path: String,
    protocol: &'a str,
    request_id: &'a str,
    request_time: String,
    request_time_epoch: i64,
    resource_id: String,
    resource_path: &'a str,
    stage: &'a str,
}

/// The caller. Without an authorizer most members are `null`. They are present all the same,
/// because handlers may read them.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    access_key: Option<()>,
    account_id: Option<()>,
    api_key: Option<()>,
    api_key_id: Option<()>,
    caller: Option<()>,
    cognito_authentication_provider: Option<()>,
    cognito_authentication_type: Option<()>,
    cognito_identity_id: Option<()>,
    cognito_identity_pool_id: Option<()>,
    principal_org_id: Option<()>,
    source_ip: String,
    user: Option<()>,
    user_agent: Option<String>,
    user_arn: Option<()>,
}

impl<'a> Event<'a> {
    pub(super) fn new(
        stage: &'a Stage,
        matched: &'a RouteMatch<'_>,
        request: &'a ReceivedRequest,
    ) -> Self {
        // REST APIs pass on paths and path parameters percent-encoded; HTTP APIs decode them.
        let written = |text: &str| match stage.kind {
            ApiKind::Rest => text.to_owned(),
            ApiKind::Http => decode(text),
        };
        let mut queries: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in query::pairs(&request.query) {
            queries.entry(name).or_default().push(value);
        }
        let queries = (!queries.is_empty()).then_some(queries);
        let multi_value_headers = headers::title_case(&request.headers);
        let parameters = matched
            .parameters
            .iter()
            .map(|(name, value)| (name.as_str(), written(value)));
        let (body, is_base64_encoded) = body::body(request, stage.kind);
        Self {
            version: (stage.kind == ApiKind::Http).then_some("1.0"),
            resource: matched.route.path(),
            path: written(&request.path),
            http_method: request.method.as_str(),
            headers: last_values(&multi_value_headers),
            multi_value_headers,
            query_string_parameters: queries.as_ref().map(last_values),
            multi_value_query_string_parameters: queries,
            path_parameters: (!matched.parameters.is_empty()).then(|| parameters.collect()),
            stage_variables: None,
            request_context: RequestContext::new(stage, matched, request),
            body,
            is_base64_encoded,
        }
    }
}

impl<'a> RequestContext<'a> {
    fn new(stage: &'a Stage, matched: &'a RouteMatch<'_>, request: &'a ReceivedRequest) -> Self {
        Self {
            account_id: &stage.account_id,
            api_id: &stage.api_id,
            domain_name: &request.host,
            domain_prefix: domain_prefix(&request.host),
            extended_request_id: &request.extended_request_id,
            http_method: request.method.as_str(),
            identity: Identity {
                source_ip: request.source_ip.to_string(),
                user_agent: request.header(&header::USER_AGENT),
                ..Identity::default()
            },
            // Without the stage, as behind a custom domain name.
            path: request.path.clone(),
            protocol: request.protocol,
            request_id: &request.request_id,
            request_time: common_log_time(request.at),
            request_time_epoch: request.at.as_micros() / 1000,
            resource_id: Stage::resource_id(matched.route.path()),
            resource_path: matched.route.path(),
            stage: &stage.name,
        }
    }
}

fn last_values(values: &BTreeMap<String, Vec<String>>) -> BTreeMap<String, String> {
    let last = values
        .iter()
        .filter_map(|(name, values)| Some((name.clone(), values.last()?.clone())));
    last.collect()
}
