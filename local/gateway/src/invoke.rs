use std::future::Future;
use std::pin::Pin;

use http::StatusCode;
use xray_local_lambda_rules::FunctionName;
use xray_local_sandbox::{FunctionError, Invocation, InvokeError, InvokeOutcome, Sandbox};

/// Runs functions. The sandbox implements it.
pub trait Invoke: Send + Sync + 'static {
    /// Runs the function of this name once and waits for its response.
    ///
    /// # Errors
    /// The function did not run: see [`InvokeError`]. An error of the function itself is an
    /// outcome: see [`InvokeOutcome::function_error`].
    fn invoke<'a>(&'a self, function: &'a str, invocation: Invocation) -> InvokeFuture<'a>;

    /// Returns true if this function exists: its name, and the account and the region if the caller
    /// gives them. The qualifier is not compared.
    ///
    /// The `Invoke` API asks before every invocation, because asynchronous invocations and
    /// dry runs are answered before any function runs.
    fn has(&self, function: &FunctionName<'_>) -> bool;
}

/// The future that [`Invoke::invoke`] returns.
pub type InvokeFuture<'a> =
    Pin<Box<dyn Future<Output = Result<InvokeOutcome, InvokeError>> + Send + 'a>>;

impl Invoke for Sandbox {
    fn invoke<'a>(&'a self, function: &'a str, invocation: Invocation) -> InvokeFuture<'a> {
        Box::pin(self.invoke(function, invocation))
    }

    fn has(&self, function: &FunctionName<'_>) -> bool {
        let functions = self.functions();
        let mut functions = functions.iter();
        functions.any(|known| function.matches(&known.region, &known.account_id, &known.name))
    }
}

/// The HTTP status of an error (Lambda API reference, `Invoke`, "Errors").
pub(crate) fn error_status(error: &InvokeError) -> StatusCode {
    match error {
        InvokeError::UnknownFunction(_) => StatusCode::NOT_FOUND,
        InvokeError::TooManyRequests(_) => StatusCode::TOO_MANY_REQUESTS,
        InvokeError::RequestTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
        InvokeError::CannotStart(_) => StatusCode::BAD_GATEWAY,
        InvokeError::ShuttingDown => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// The value of `X-Amz-Function-Error`.
pub(crate) fn error_name(error: FunctionError) -> &'static str {
    match error {
        FunctionError::Handled => "Handled",
        FunctionError::Unhandled => "Unhandled",
    }
}
