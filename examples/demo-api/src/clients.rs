//! The clients of the services that the functions call, each with its tracing.

use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use reqwest_middleware::ClientWithMiddleware;

/// DynamoDB: every call of the client becomes a subsegment.
pub async fn dynamodb() -> aws_sdk_dynamodb::Client {
    let shared: SdkConfig = aws_config::defaults(BehaviorVersion::latest())
        .http_client(
            aws_smithy_http_client::Builder::new()
                .tls_provider(Provider::Rustls(CryptoMode::Ring))
                .build_https(),
        )
        .load()
        .await;
    let config = aws_sdk_dynamodb::config::Builder::from(&shared)
        .interceptor(xray_lambda::aws::Interceptor::new())
        .build();
    aws_sdk_dynamodb::Client::from_conf(config)
}

/// The API itself: `traced`, because the function that answers sends segments, too.
pub fn http() -> Result<ClientWithMiddleware, reqwest::Error> {
    // The first provider stays: an error only says that there is one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().build()?;
    let traced = xray_lambda::http::Reqwest::new().traced();
    Ok(reqwest_middleware::ClientBuilder::new(client)
        .with(traced)
        .build())
}
