//! The clients of the services that the functions call, with tracing.

use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use reqwest_middleware::ClientWithMiddleware;

/// Makes a DynamoDB client whose calls become subsegments.
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

/// Makes an HTTP client for the demo's API. It is `traced`, because the function behind the
/// API sends segments too.
///
/// # Errors
/// The TLS backend cannot be initialized.
pub fn http() -> Result<ClientWithMiddleware, reqwest::Error> {
    // It fails if a provider is already installed, which stays.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().build()?;
    let traced = xray_lambda::http::Reqwest::new().traced();
    Ok(reqwest_middleware::ClientBuilder::new(client)
        .with(traced)
        .build())
}
