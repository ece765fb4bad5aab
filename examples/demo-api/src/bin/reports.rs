//! The function behind `GET /reports/{pk}`.

use demo_api::{clients, reports::Reports};
use lambda_http::{Error, Request, service_fn};
use tower::ServiceBuilder;
use xray_lambda::XRayLayer;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let reports = Reports::new(clients::http()?, std::env::var("API_URL").ok());
    let handler = ServiceBuilder::new()
        .layer(XRayLayer::new().service("demo-api"))
        .service(service_fn(move |request: Request| {
            let reports = reports.clone();
            async move { reports.handle(&request).await }
        }));
    lambda_http::run_concurrent(handler).await
}
