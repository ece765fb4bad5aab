use std::ops::Not;

use serde::{Deserialize, Serialize};

use crate::tolerant;

/// The `http` object: an HTTP request and its response. A segment served the request; a
/// subsegment made it (X-Ray Developer Guide, segment documents).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Http {
    /// The request.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::optional"
    )]
    pub request: Option<HttpRequest>,
    /// The response.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::optional"
    )]
    pub response: Option<HttpResponse>,
}

/// The request of an [`Http`] object.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct HttpRequest {
    /// Method, for example `GET`.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::optional"
    )]
    pub method: Option<String>,
    /// Scheme, host and path. SDKs leave out the query (aws-xray-sdk-node,
    /// aws-xray-sdk-go).
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::optional"
    )]
    pub url: Option<String>,
    /// `User-Agent` of the client.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::optional"
    )]
    pub user_agent: Option<String>,
    /// IP address of the client.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::optional"
    )]
    pub client_ip: Option<String>,
    /// `true` if `client_ip` comes from `X-Forwarded-For`. Segments only.
    #[serde(
        default,
        skip_serializing_if = "Not::not",
        deserialize_with = "tolerant::or_default"
    )]
    pub x_forwarded_for: bool,
    /// `true` if the callee sends its own segment, with this subsegment as the parent. X-Ray
    /// considers the trace broken until that segment arrives (X-Ray Developer Guide, segment
    /// documents). Subsegments only.
    #[serde(
        default,
        skip_serializing_if = "Not::not",
        deserialize_with = "tolerant::or_default"
    )]
    pub traced: bool,
}

/// The response of an [`Http`] object.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct HttpResponse {
    /// Status code. A number in a string is read, too.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::whole_number"
    )]
    pub status: Option<i64>,
    /// Size of the body in bytes; -1 if the SDK did not know it. A number in a string is read,
    /// too (aws-xray-sdk-node#488).
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "tolerant::whole_number"
    )]
    pub content_length: Option<i64>,
}
