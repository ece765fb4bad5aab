use std::collections::BTreeMap;

use http::header;
use serde::Serialize;

use super::super::request::ReceivedRequest;
use super::super::routing::RouteMatch;
use super::super::stage::Stage;
use super::super::text::decode;
use super::domain::domain_prefix;
use super::{body, headers, query};
use crate::common_log_time::common_log_time;

/// The event of an HTTP API with payload format 2.0. It omits members without a value.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event<'a> {
    version: &'static str,
    route_key: String,
    /// Percent-decoded.
    raw_path: String,
    raw_query_string: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cookies: Vec<String>,
    headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    query_string_parameters: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    path_parameters: BTreeMap<&'a str, String>,
    request_context: RequestContext<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
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
    http: HttpDescription<'a>,
    /// HTTP APIs have one id, in the form of a REST API's extended request id.
    request_id: &'a str,
    route_key: String,
    stage: &'a str,
    time: String,
    time_epoch: i64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct HttpDescription<'a> {
    method: &'a str,
    path: String,
    protocol: &'a str,
    source_ip: String,
    user_agent: String,
}

impl<'a> Event<'a> {
    pub(super) fn new(
        stage: &'a Stage,
        matched: &'a RouteMatch<'_>,
        request: &'a ReceivedRequest,
    ) -> Self {
        let mut queries: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in query::pairs(&request.query) {
            let joined = queries.entry(name);
            joined
                .and_modify(|joined| *joined = format!("{joined},{value}"))
                .or_insert(value);
        }
        let parameters = matched
            .parameters
            .iter()
            .map(|(name, value)| (name.as_str(), decode(value)));
        let (body, is_base64_encoded) = body::body(request, stage.kind);
        Self {
            version: "2.0",
            route_key: matched.route.key(),
            raw_path: decode(&request.path),
            raw_query_string: &request.query,
            cookies: headers::cookies(&request.headers),
            headers: headers::joined(&request.headers),
            query_string_parameters: queries,
            path_parameters: parameters.collect(),
            request_context: RequestContext {
                account_id: &stage.account_id,
                api_id: &stage.api_id,
                domain_name: &request.host,
                domain_prefix: domain_prefix(&request.host),
                http: HttpDescription {
                    method: request.method.as_str(),
                    path: decode(&request.path),
                    protocol: request.protocol,
                    source_ip: request.source_ip.to_string(),
                    user_agent: request.header(&header::USER_AGENT).unwrap_or_default(),
                },
                request_id: &request.extended_request_id,
                route_key: matched.route.key(),
                stage: &stage.name,
                time: common_log_time(request.at),
                time_epoch: request.at.as_micros() / 1000,
            },
            body,
            is_base64_encoded,
        }
    }
}
