use anyhow::{Context, bail};
use http_body_util::BodyExt;
use hyper::http::uri::{Authority, Scheme};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use xray_local_template::Table;

/// Creates the template's tables at `endpoint`. An existing table is not changed.
///
/// # Errors
///
/// The endpoint is not `http://HOST:PORT`, cannot be reached, or rejects a table.
pub(crate) async fn create_tables(endpoint: &str, tables: &[Table]) -> anyhow::Result<()> {
    let uri: Uri = endpoint
        .parse()
        .with_context(|| format!("\"{endpoint}\" is not a URL"))?;
    let host = uri
        .authority()
        .filter(|_| uri.scheme() == Some(&Scheme::HTTP));
    let host = host.with_context(|| {
        format!("the DynamoDB endpoint \"{endpoint}\" must be http://HOST:PORT, such as http://127.0.0.1:8000")
    })?;
    for table in tables {
        let (status, body) = create(host, table.create_table.to_string())
            .await
            .with_context(|| format!("cannot reach DynamoDB at {endpoint}: is it running?"))?;
        if !status.is_success() && !body.contains("ResourceInUseException") {
            bail!(
                "DynamoDB at {endpoint} did not create table {} ({status}): {body}",
                table.name
            );
        }
    }
    Ok(())
}

/// Calls `CreateTable` once. Uses hyper directly, because nothing else in this program needs
/// an HTTP client with TLS.
async fn create(host: &Authority, request: String) -> anyhow::Result<(StatusCode, String)> {
    let stream = TcpStream::connect((host.host(), host.port_u16().unwrap_or(80))).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::post("/")
        .header("host", host.as_str())
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", "DynamoDB_20120810.CreateTable")
        // Local DynamoDBs require the form of a signature but do not check it.
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, \
             SignedHeaders=host, Signature=00",
        )
        .header("x-amz-date", "20260101T000000Z")
        .body(request)?;
    let (head, body) = sender.send_request(request).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok((head.status, String::from_utf8_lossy(&body).into_owned()))
}
