use std::ops::Not;

use serde::{Deserialize, Serialize};

use crate::tolerant;

/// The `http` object: a request that was served (segments) or made (subsegments).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Http {
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::optional"
    )]
    pub request: Option<HttpRequest>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::optional"
    )]
    pub response: Option<HttpResponse>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct HttpRequest {
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::optional"
    )]
    pub method: Option<String>,
    /// Scheme, host and path; SDKs leave the query out.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::optional"
    )]
    pub url: Option<String>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::optional"
    )]
    pub user_agent: Option<String>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::optional"
    )]
    pub client_ip: Option<String>,
    /// `client_ip` came from `X-Forwarded-For`. Segments only.
    #[serde(
        default,
        skip_serializing_if = "Not::not",
        deserialize_with = "tolerant::or_default"
    )]
    pub x_forwarded_for: bool,
    /// The callee will send a segment of its own. Subsegments only.
    #[serde(
        default,
        skip_serializing_if = "Not::not",
        deserialize_with = "tolerant::or_default"
    )]
    pub traced: bool,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct HttpResponse {
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::whole_number"
    )]
    pub status: Option<i64>,
    /// Bytes; -1 where the SDK did not know.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::whole_number"
    )]
    pub content_length: Option<i64>,
}
