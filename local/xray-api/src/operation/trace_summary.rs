use std::collections::BTreeMap;

use serde::Serialize;
use xray_document::{AnnotationValue, Timestamp, TraceId};
use xray_local_store::{AnnotationWithServices, ServiceId, SummaryHttp, TraceSummary};

/// `TraceSummary` in a response. Empty lists are written; other members without a value
/// are left out.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SummaryBody<'a> {
    id: TraceId,
    start_time: Timestamp,
    duration: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_time: Option<f64>,
    has_fault: bool,
    has_error: bool,
    has_throttle: bool,
    is_partial: bool,
    http: HttpBody<'a>,
    annotations: BTreeMap<&'a str, Vec<AnnotationBody<'a>>>,
    users: Vec<UserBody<'a>>,
    service_ids: Vec<ServiceBody<'a>>,
    #[serde(rename = "ResourceARNs")]
    resource_arns: Vec<ArnBody<'a>>,
    instance_ids: Vec<InstanceBody<'a>>,
    availability_zones: Vec<ZoneBody<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entry_point: Option<ServiceBody<'a>>,
    revision: u64,
}

impl<'a> From<&'a TraceSummary> for SummaryBody<'a> {
    fn from(summary: &'a TraceSummary) -> Self {
        let annotations = summary.annotations.iter().map(|(key, values)| {
            let values = values.iter().map(AnnotationBody::from);
            (key.as_str(), values.collect())
        });
        let users = summary
            .users
            .iter()
            .map(|(user_name, service_ids)| UserBody {
                user_name,
                service_ids: services(service_ids),
            });
        let arns = summary.resource_arns.iter().map(|arn| ArnBody { arn });
        let instances = summary.instance_ids.iter().map(|id| InstanceBody { id });
        let zones = summary
            .availability_zones
            .iter()
            .map(|name| ZoneBody { name });
        Self {
            id: summary.id,
            start_time: summary.start_time,
            duration: summary.duration,
            response_time: summary.response_time,
            has_fault: summary.has_fault,
            has_error: summary.has_error,
            has_throttle: summary.has_throttle,
            is_partial: summary.is_partial,
            http: HttpBody::from(&summary.http),
            annotations: annotations.collect(),
            users: users.collect(),
            service_ids: services(&summary.service_ids),
            resource_arns: arns.collect(),
            instance_ids: instances.collect(),
            availability_zones: zones.collect(),
            entry_point: summary.entry_point.as_ref().map(ServiceBody::from),
            revision: summary.revision,
        }
    }
}

#[derive(Serialize)]
struct HttpBody<'a> {
    #[serde(rename = "HttpURL", skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(rename = "HttpStatus", skip_serializing_if = "Option::is_none")]
    status: Option<i64>,
    #[serde(rename = "HttpMethod", skip_serializing_if = "Option::is_none")]
    method: Option<&'a str>,
    #[serde(rename = "UserAgent", skip_serializing_if = "Option::is_none")]
    user_agent: Option<&'a str>,
    #[serde(rename = "ClientIp", skip_serializing_if = "Option::is_none")]
    client_ip: Option<&'a str>,
}

impl<'a> From<&'a SummaryHttp> for HttpBody<'a> {
    fn from(http: &'a SummaryHttp) -> Self {
        Self {
            url: http.url.as_deref(),
            status: http.status,
            method: http.method.as_deref(),
            user_agent: http.user_agent.as_deref(),
            client_ip: http.client_ip.as_deref(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AnnotationBody<'a> {
    annotation_value: ValueBody<'a>,
    service_ids: Vec<ServiceBody<'a>>,
}

impl<'a> From<&'a AnnotationWithServices> for AnnotationBody<'a> {
    fn from(annotation: &'a AnnotationWithServices) -> Self {
        let annotation_value = match &annotation.value {
            AnnotationValue::String(value) => ValueBody::String(value),
            AnnotationValue::Number(value) => ValueBody::Number(value),
            AnnotationValue::Boolean(value) => ValueBody::Boolean(*value),
        };
        Self {
            annotation_value,
            service_ids: services(&annotation.service_ids),
        }
    }
}

/// A union: the name of its only member gives the type.
#[derive(Serialize)]
enum ValueBody<'a> {
    #[serde(rename = "StringValue")]
    String(&'a str),
    #[serde(rename = "NumberValue")]
    Number(&'a serde_json::Number),
    #[serde(rename = "BooleanValue")]
    Boolean(bool),
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct UserBody<'a> {
    user_name: &'a str,
    service_ids: Vec<ServiceBody<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ServiceBody<'a> {
    name: &'a str,
    names: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<&'a str>,
    #[serde(rename = "Type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
}

impl<'a> From<&'a ServiceId> for ServiceBody<'a> {
    fn from(service: &'a ServiceId) -> Self {
        Self {
            name: &service.name,
            names: &service.names,
            account_id: service.account_id.as_deref(),
            kind: service.kind.as_deref(),
        }
    }
}

fn services(services: &[ServiceId]) -> Vec<ServiceBody<'_>> {
    services.iter().map(ServiceBody::from).collect()
}

#[derive(Serialize)]
struct ArnBody<'a> {
    #[serde(rename = "ARN")]
    arn: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct InstanceBody<'a> {
    id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ZoneBody<'a> {
    name: &'a str,
}
