use axum::http::HeaderMap;
use axum::http::header::HOST;

use crate::operation::implemented_names;

/// The text for a person who opens the listener's address in a browser.
pub(crate) async fn index_page(headers: HeaderMap) -> String {
    let host = headers
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or("127.0.0.1:2001");
    format!(
        "xray-local {version}: the AWS X-Ray API on this machine.

To see traces:
  xray-local traces        lists the latest traces, one per line
  xray-local trace ID      shows one trace as a tree
(A later version shows them on this page.)

Any X-Ray client works with this address as its endpoint, with any credentials:
  aws xray get-trace-summaries --endpoint-url http://{host} --region us-east-1 \\
      --start-time $(($(date +%s) - 3600)) --end-time $(date +%s)

Implemented: {implemented}.
",
        version = env!("CARGO_PKG_VERSION"),
        implemented = implemented_names().join(", "),
    )
}
