//! Items: writes them to a DynamoDB table and reads them.

use std::collections::HashMap;
use std::time::SystemTime;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use aws_sdk_dynamodb::types::AttributeValue;
use lambda_http::http::Method;
use lambda_http::{Body, Error, Request, RequestExt as _, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use xray_lambda::{current, subsegment};

use crate::fault_injection::FaultInjection;
use crate::json_response;

/// The handler, with its DynamoDB client and the table's name.
#[derive(Debug, Clone)]
pub struct Items {
    dynamodb: Client,
    table: String,
    fault_injection: bool,
}

impl Items {
    /// Makes a handler for the items in `table`. It ignores the faults that requests ask for.
    pub fn new(dynamodb: Client, table: impl Into<String>) -> Self {
        Self {
            dynamodb,
            table: table.into(),
            fault_injection: false,
        }
    }

    /// With `true`, injects the faults that requests ask for.
    #[must_use]
    pub fn with_fault_injection(mut self, allowed: bool) -> Self {
        self.fault_injection = allowed;
        self
    }

    /// Handles a request to `/items`.
    ///
    /// # Errors
    /// An injected error, or an error of DynamoDB.
    pub async fn handle(&self, request: &Request) -> Result<Response<Body>, Error> {
        if request.method() == Method::POST {
            return subsegment("validate_and_write")
                .capture(self.validate_and_write(request))
                .await;
        }
        subsegment("read_and_respond")
            .capture(self.read_and_respond(request))
            .await
    }

    async fn validate_and_write(&self, request: &Request) -> Result<Response<Body>, Error> {
        let Ok(new) = serde_json::from_slice::<NewItem>(request.body()) else {
            current().set_error();
            return json_response(400, &json!({ "error": "Invalid JSON body" }));
        };
        let tenant = new.tenant.unwrap_or_else(|| tenant_of(request));
        current().annotate("tenant", &tenant);
        self.inject(new.fault_injection).await?;

        let item = Item {
            pk: uuid::Uuid::new_v4().to_string(),
            created_at: DateTime::from(SystemTime::now()).fmt(DateTimeFormat::DateTime)?,
            tenant,
            message: new.message.unwrap_or_default(),
        };
        let put = self.dynamodb.put_item().table_name(&self.table);
        put.set_item(Some(item.to_attributes())).send().await?;
        current().metadata_in("lab", "debug", &json!({ "wrotePk": item.pk }));
        json_response(201, &item)
    }

    async fn read_and_respond(&self, request: &Request) -> Result<Response<Body>, Error> {
        let parameters = request.path_parameters();
        let Some(pk) = parameters.first("pk").filter(|pk| !pk.trim().is_empty()) else {
            current().set_error();
            return json_response(400, &json!({ "error": "Missing pk" }));
        };
        current()
            .annotate("pk", pk)
            .annotate("tenant", tenant_of(request));
        self.inject(FaultInjection::from_query(request)).await?;

        let key = AttributeValue::S(pk.to_owned());
        let found = self
            .dynamodb
            .get_item()
            .table_name(&self.table)
            .key("pk", key)
            .send()
            .await?;
        match found.item.as_ref().and_then(Item::from_attributes) {
            Some(item) => {
                current().annotate("tenant", &item.tenant);
                json_response(200, &item)
            }
            None => json_response(404, &json!({ "error": "Not found", "pk": pk })),
        }
    }

    async fn inject(&self, faults: FaultInjection) -> Result<(), Error> {
        if self.fault_injection {
            faults.apply().await?;
        }
        Ok(())
    }
}

/// An item of the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// The partition key.
    pub pk: String,
    /// The time of creation, RFC 3339 in UTC.
    pub created_at: String,
    /// The tenant that owns the item.
    pub tenant: String,
    /// The text of the item.
    pub message: String,
}

impl Item {
    fn to_attributes(&self) -> HashMap<String, AttributeValue> {
        let text = |value: &String| AttributeValue::S(value.clone());
        HashMap::from([
            ("pk".to_owned(), text(&self.pk)),
            ("createdAt".to_owned(), text(&self.created_at)),
            ("tenant".to_owned(), text(&self.tenant)),
            ("message".to_owned(), text(&self.message)),
        ])
    }

    fn from_attributes(attributes: &HashMap<String, AttributeValue>) -> Option<Self> {
        let text = |name: &str| attributes.get(name)?.as_s().ok().cloned();
        Some(Self {
            pk: text("pk")?,
            created_at: text("createdAt").unwrap_or_default(),
            tenant: text("tenant").unwrap_or_default(),
            message: text("message").unwrap_or_default(),
        })
    }
}

/// The body of a `POST`.
#[derive(Debug, Deserialize)]
struct NewItem {
    tenant: Option<String>,
    message: Option<String>,
    #[serde(flatten)]
    fault_injection: FaultInjection,
}

/// The tenant in the request's header `X-Tenant`, else `public`.
fn tenant_of(request: &Request) -> String {
    let header = request
        .headers()
        .get("x-tenant")
        .and_then(|tenant| tenant.to_str().ok());
    header.unwrap_or("public").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A handler without a reachable DynamoDB.
    fn items() -> Items {
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
            .build();
        Items::new(Client::from_conf(config), "items")
    }

    fn post(body: &str) -> Request {
        let mut request = Request::new(Body::Text(body.to_owned()));
        *request.method_mut() = Method::POST;
        request
    }

    async fn response_to(request: Request) -> (u16, serde_json::Value) {
        let response = items().handle(&request).await.unwrap();
        (
            response.status().as_u16(),
            serde_json::from_slice(response.body()).unwrap(),
        )
    }

    #[tokio::test]
    async fn a_body_that_is_not_json_is_a_400() {
        for body in ["", "{", "[1]", "\"text\""] {
            assert_eq!(
                response_to(post(body)).await,
                (400, json!({ "error": "Invalid JSON body" })),
                "{body}"
            );
        }
    }

    #[tokio::test]
    async fn a_read_without_a_pk_is_a_400() {
        let missing = json!({ "error": "Missing pk" });
        assert_eq!(
            response_to(Request::default()).await,
            (400, missing.clone())
        );
        let blank = HashMap::from([("pk".to_owned(), " ".to_owned())]);
        assert_eq!(
            response_to(Request::default().with_path_parameters(blank)).await,
            (400, missing)
        );
    }

    #[tokio::test]
    async fn an_injected_failure_is_an_error_of_the_handler() {
        let error = items()
            .with_fault_injection(true)
            .handle(&post(r#"{"fail": true}"#))
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), "the supplier did not confirm");
        assert_eq!(
            error.source().unwrap().to_string(),
            "connection reset by peer"
        );
    }

    #[test]
    fn an_item_is_read_back_from_its_attributes() {
        let item = Item {
            pk: "1".to_owned(),
            created_at: "2026-11-22T13:00:00Z".to_owned(),
            tenant: "acme".to_owned(),
            message: String::new(),
        };
        assert_eq!(
            Item::from_attributes(&item.to_attributes()),
            Some(item.clone())
        );
        let json = serde_json::to_value(&item).unwrap();
        assert_eq!(json["createdAt"], "2026-11-22T13:00:00Z");
    }

    #[test]
    fn the_tenant_of_the_header_is_the_default() {
        let mut request = Request::default();
        assert_eq!(tenant_of(&request), "public");
        request
            .headers_mut()
            .insert("x-tenant", "acme".parse().unwrap());
        assert_eq!(tenant_of(&request), "acme");
    }
}
