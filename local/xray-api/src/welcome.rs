use axum::http::HeaderMap;
use axum::http::header::HOST;

/// What a person sees who opens the address in a browser.
pub(crate) async fn welcome(headers: HeaderMap) -> String {
    let host = headers
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or("127.0.0.1:2001");
    format!(
        "xray-local {version}: the AWS X-Ray API on this machine.

Traces are shown by
  xray-local traces        the latest, one a line
  xray-local trace ID      one of them, as a tree
(A console on this page comes with a later version.)

Any X-Ray client works with this address as its endpoint, with any credentials:
  aws xray get-trace-summaries --endpoint-url http://{host} --region us-east-1 \\
      --start-time $(($(date +%s) - 3600)) --end-time $(date +%s)

Answered: PutTraceSegments, PutTelemetryRecords, BatchGetTraces, GetTraceSummaries.
",
        version = env!("CARGO_PKG_VERSION"),
    )
}
