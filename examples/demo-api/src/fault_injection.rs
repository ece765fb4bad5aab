//! Errors and delays that a request can ask for, to show them in traces.
//!
//! The variable `FAULT_INJECTION` must be `on`. On AWS it is `off` by default: anyone can call
//! the API, and a delay is billed.

use std::time::Duration;

use lambda_http::{Error, Request, RequestExt as _};
use serde::Deserialize;
use xray_lambda::subsegment;

/// The longest delay of a request in milliseconds, well within the functions' timeout.
const MAX_DELAY_MS: u64 = 3_000;

/// The faults to inject: `{"fail": true, "delayMs": 800}` in the body, or the same in the
/// query. The default injects none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FaultInjection {
    /// Fails with an error that has a cause.
    pub fail: bool,
    /// Milliseconds to wait before failing or succeeding; at most 3,000.
    pub delay_ms: u64,
}

/// Returns `true` if the environment allows fault injection.
#[must_use]
pub fn is_allowed() -> bool {
    std::env::var("FAULT_INJECTION").is_ok_and(|value| value == "on")
}

impl FaultInjection {
    /// Reads the faults from the query of a request.
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

    /// Waits in a subsegment of its own, then fails, as requested.
    ///
    /// # Errors
    /// The requested error.
    pub async fn apply(self) -> Result<(), Error> {
        let delay_ms = self.applied_delay_ms();
        if delay_ms > 0 {
            subsegment("slow_dependency")
                .annotate("delay_ms", delay_ms)
                .trace(tokio::time::sleep(Duration::from_millis(delay_ms)))
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

    fn applied_delay_ms(self) -> u64 {
        self.delay_ms.min(MAX_DELAY_MS)
    }
}

/// An error with a cause. The trace shows both.
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
    fn without_a_request_no_fault_is_injected() {
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
    fn a_delay_is_at_most_three_seconds() {
        for (requested, applied) in [(0, 0), (800, 800), (3_000, 3_000), (60_000, 3_000)] {
            let faults = FaultInjection {
                fail: false,
                delay_ms: requested,
            };
            assert_eq!(faults.applied_delay_ms(), applied, "{requested}");
        }
    }

    #[test]
    fn the_query_and_the_body_request_the_same_faults() {
        let requested = FaultInjection {
            fail: true,
            delay_ms: 800,
        };
        let query =
            [("fail", "true"), ("delayMs", "800")].map(|(k, v)| (k.to_owned(), vec![v.to_owned()]));
        let request = Request::default().with_query_string_parameters(HashMap::from(query));
        assert_eq!(FaultInjection::from_query(&request), requested);
        assert_eq!(
            serde_json::from_str::<FaultInjection>(r#"{"fail":true,"delayMs":800}"#).unwrap(),
            requested
        );
    }
}
