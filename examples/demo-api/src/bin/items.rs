//! The function behind `POST /items` and `GET /items/{pk}`.

use demo_api::{clients, fault_injection, items::Items};
use lambda_http::{Error, Request, service_fn};
use tower::ServiceBuilder;
use xray_lambda::XRayLayer;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let table = std::env::var("TABLE_NAME")
        .map_err(|_| "TABLE_NAME is not set; set it to the name of the DynamoDB table")?;
    let items = Items::new(clients::dynamodb().await, table)
        .with_fault_injection(fault_injection::is_allowed());
    let handler = ServiceBuilder::new()
        .layer(XRayLayer::new().service("demo-api"))
        .service(service_fn(move |request: Request| {
            let items = items.clone();
            async move { items.handle(&request).await }
        }));
    lambda_http::run_concurrent(handler).await
}
