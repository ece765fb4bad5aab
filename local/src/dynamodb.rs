//! DynamoDB on the desk: a real one in this process, or another by its address.

use anyhow::{Context, bail};
use tokio::net::TcpListener;
use xray_local_template::Table;

/// Starts DynamoDB in this process, in memory, on a free port of loopback.
pub(crate) async fn start() -> anyhow::Result<String> {
    let database = dynoxide::Database::memory()
        .map_err(|error| anyhow::anyhow!("cannot start DynamoDB in this process: {error}"))?;
    let listener = TcpListener::bind("127.0.0.1:0").await.context("no free port for DynamoDB")?;
    let address = listener.local_addr().context("no free port for DynamoDB")?;
    tokio::spawn(dynoxide::server::serve_on(listener, database));
    Ok(format!("http://{address}"))
}

/// Makes the template's tables at `endpoint`; one that exists stays as it is.
pub(crate) async fn create_tables(endpoint: &str, tables: &[Table]) -> anyhow::Result<()> {
    let client = reqwest::Client::builder().no_proxy().build().context("no HTTP client")?;
    for table in tables {
        let answer = client
            .post(endpoint)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", "DynamoDB_20120810.CreateTable")
            // Local DynamoDBs want a signature's shape and do not check it.
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, \
                 SignedHeaders=host, Signature=00",
            )
            .header("x-amz-date", "20260101T000000Z")
            .body(table.create_table.to_string())
            .send()
            .await
            .with_context(|| format!("cannot reach DynamoDB at {endpoint}: is it running?"))?;
        let status = answer.status();
        let body = answer.text().await.unwrap_or_default();
        if !status.is_success() && !body.contains("ResourceInUseException") {
            bail!("DynamoDB at {endpoint} did not make table {} ({status}): {body}", table.name);
        }
    }
    Ok(())
}
