use std::future::Future;
use std::pin::Pin;

use http::StatusCode;
use xray_local_sandbox::{FunctionError, Invocation, InvokeError, InvokeOutcome, Sandbox};

/// Whoever runs functions: the sandbox, or a test.
pub trait Invoke: Send + Sync + 'static {
    /// Runs the function once and waits for its response.
    fn invoke<'a>(&'a self, function: &'a str, invocation: Invocation) -> InvokeFuture<'a>;

    /// Whether there is a function of this name. Asked before an asynchronous invocation
    /// is accepted and for a dry run, where nothing runs that could say so.
    fn has(&self, function: &str) -> bool;
}

/// What [`Invoke::invoke`] gives.
pub type InvokeFuture<'a> =
    Pin<Box<dyn Future<Output = Result<InvokeOutcome, InvokeError>> + Send + 'a>>;

impl Invoke for Sandbox {
    fn invoke<'a>(&'a self, function: &'a str, invocation: Invocation) -> InvokeFuture<'a> {
        Box::pin(self.invoke(function, invocation))
    }

    fn has(&self, function: &str) -> bool {
        self.functions().iter().any(|known| known.name == function)
    }
}

/// The status that Lambda's `Invoke` has for an error.
pub(crate) fn error_status(error: &InvokeError) -> StatusCode {
    match error {
        InvokeError::UnknownFunction(_) => StatusCode::NOT_FOUND,
        InvokeError::TooManyRequests(_) => StatusCode::TOO_MANY_REQUESTS,
        InvokeError::RequestTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
        InvokeError::CannotStart(_) => StatusCode::BAD_GATEWAY,
        InvokeError::ShuttingDown => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// `X-Amz-Function-Error`.
pub(crate) fn error_name(error: FunctionError) -> &'static str {
    match error {
        FunctionError::Handled => "Handled",
        FunctionError::Unhandled => "Unhandled",
    }
}
