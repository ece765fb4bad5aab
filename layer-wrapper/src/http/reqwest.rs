use http::Extensions;
use reqwest::{Request, Response};
use reqwest_middleware::{Error, Middleware, Next, Result};

use super::call::{self, Options, OutgoingRequest};
use crate::failure::CaptureError;
use crate::subsegment::Subsegment;

/// Middleware for `reqwest`, for use with `reqwest-middleware`:
///
/// ```no_run
/// let http = reqwest_middleware::ClientBuilder::new(reqwest::Client::new())
///     .with(xray_lambda::http::Reqwest::new())
///     .build();
/// ```
///
/// Each request is a subsegment with the namespace `remote`, named after the host, with the
/// method, the URL without user and query, the status and the content length. It ends when
/// the response's headers arrive, so it does not include the body. A 4xx status sets the
/// flag error, 429 also throttle, and 5xx or no response the flag fault.
///
/// A trace header that the request already has stays.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reqwest {
    options: Options,
}

impl Reqwest {
    /// Makes middleware that sends the header `X-Amzn-Trace-Id`.
    pub const fn new() -> Self {
        Self {
            options: Options {
                traced: false,
                traceparent: false,
            },
        }
    }

    /// Marks each call as traced by the callee, which sends its own segment. X-Ray considers the
    /// trace broken until that segment arrives (X-Ray Developer Guide, segment documents). The
    /// default is not traced.
    #[must_use]
    pub const fn traced(mut self) -> Self {
        self.options.traced = true;
        self
    }

    /// Sends W3C's `traceparent` header too. The default is only `X-Amzn-Trace-Id`.
    #[must_use]
    pub const fn traceparent(mut self) -> Self {
        self.options.traceparent = true;
        self
    }
}

#[async_trait::async_trait]
impl Middleware for Reqwest {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let url = request.url();
        let outgoing = OutgoingRequest {
            method: request.method().as_str(),
            scheme: url.scheme(),
            host: url.host_str().unwrap_or("unknown"),
            port: url.port(),
            path: url.path(),
        };
        let Some(subsegment) = call::begin(&outgoing, self.options) else {
            return next.run(request, extensions).await;
        };
        call::inject(&subsegment, request.headers_mut(), self.options);
        let mut cancelled = CancelGuard(Some(&subsegment));
        let result = next.run(request, extensions).await;
        cancelled.0 = None;
        match &result {
            Ok(response) => {
                call::record_response(&subsegment, response.status().as_u16(), response.headers());
            }
            Err(error) => record_error(&subsegment, error),
        }
        result
    }
}

fn record_error(subsegment: &Subsegment, error: &Error) {
    fn record<Kind>(subsegment: &Subsegment, error: &impl CaptureError<Kind>) {
        subsegment.record_error(error);
    }
    match error {
        Error::Reqwest(error) => record(subsegment, error),
        Error::Middleware(_) => record(subsegment, error),
    }
}

/// Marks the subsegment as cancelled on drop, unless it was disarmed.
struct CancelGuard<'a>(Option<&'a Subsegment>);

impl Drop for CancelGuard<'_> {
    fn drop(&mut self) {
        if let Some(subsegment) = self.0 {
            subsegment.edit(|details| details.mark("cancelled"));
        }
    }
}
