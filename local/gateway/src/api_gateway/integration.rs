use std::sync::Arc;
use std::time::Duration;

use xray_local_sandbox::{Invocation, InvokeError, InvokeOutcome};

use crate::invoke::Invoke;

/// The end of a function's call, as the gateway sees it.
#[derive(Debug)]
pub(crate) enum Integration {
    /// The function ran, with or without an error.
    Completed(InvokeOutcome),
    /// The function did not run.
    Rejected(InvokeError),
    /// The gateway stopped waiting. The function is still running.
    TimedOut,
    /// The task that runs the function panicked: a bug in this program.
    Panicked,
}

impl Integration {
    /// Invokes the function. A timeout does not stop the function, because API Gateway's
    /// does not either.
    pub(crate) async fn call(
        invoke: Arc<dyn Invoke>,
        function: String,
        invocation: Invocation,
        timeout: Duration,
    ) -> Self {
        let running = tokio::spawn(async move { invoke.invoke(&function, invocation).await });
        match tokio::time::timeout(timeout, running).await {
            Ok(Ok(Ok(outcome))) => Self::Completed(outcome),
            Ok(Ok(Err(error))) => Self::Rejected(error),
            Ok(Err(_panicked)) => Self::Panicked,
            Err(_elapsed) => Self::TimedOut,
        }
    }
}
