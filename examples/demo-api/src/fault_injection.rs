//! The error and the slow case that a request can ask for, so that there is something to
//! look at in the traces.

use std::time::Duration;

use lambda_http::{Error, Request, RequestExt as _};
use serde::Deserialize;
use xray_lambda::subsegment;

/// The longest that a request can ask to wait: well within the functions' timeout.
const MAX_DELAY: Duration = Duration::from_secs(3);

/// What is to go wrong: `{"fail": true, "delayMs": 800}`, or the same in the query.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FaultInjection {
    pub fail: bool,
    pub delay_ms: u64,
}

impl FaultInjection {
    /// What the query of a request asks for.
    pub fn from_query(request: &Request) -> Self {
        let query = request.query_string_parameters();
        Self {
            fail: query.first("fail") == Some("true"),
            delay_ms: query
                .first("delayMs")
                .and_then(|ms| ms.parse().ok())
                .unwrap_or(0),
        }
    }

    /// Waits in a subsegment of its own, and fails, if that was asked for.
    ///
    /// # Errors
    /// The one that was asked for.
    pub async fn apply(self) -> Result<(), Error> {
        if self.delay_ms > 0 {
            let delay = Duration::from_millis(self.delay_ms).min(MAX_DELAY);
            subsegment("slow_dependency")
                .annotate("delay_ms", self.delay_ms)
                .trace(tokio::time::sleep(delay))
                .await;
        }
        if self.fail {
            let reset = std::io::Error::new(
                std::io::ErrorKind::ConnectionReset,
                "connection reset by peer",
            );
            return Err(Unconfirmed(reset).into());
        }
        Ok(())
    }
}

/// An error with a cause: the trace shows both.
#[derive(Debug)]
struct Unconfirmed(std::io::Error);

impl std::fmt::Display for Unconfirmed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the supplier did not confirm")
    }
}

impl std::error::Error for Unconfirmed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn nothing_goes_wrong_unless_it_is_asked_for() {
        assert_eq!(
            serde_json::from_str::<FaultInjection>("{}").unwrap(),
            FaultInjection::default()
        );
        assert_eq!(
            FaultInjection::from_query(&Request::default()),
            FaultInjection::default()
        );
    }

    #[test]
    fn the_query_and_the_body_ask_for_the_same() {
        let asked = FaultInjection {
            fail: true,
            delay_ms: 800,
        };
        let query =
            [("fail", "true"), ("delayMs", "800")].map(|(k, v)| (k.to_owned(), vec![v.to_owned()]));
        let request = Request::default().with_query_string_parameters(HashMap::from(query));
        assert_eq!(FaultInjection::from_query(&request), asked);
        assert_eq!(
            serde_json::from_str::<FaultInjection>(r#"{"fail":true,"delayMs":800}"#).unwrap(),
            asked
        );
    }
}
