use std::sync::Arc;
use std::time::Duration;

use xray_local_sandbox::{Invocation, InvokeError, InvokeOutcome};

use crate::invoke::Invoke;

/// How the call of a function ended, as the gateway sees it.
#[derive(Debug)]
pub(crate) enum Integration {
    /// The function ran; it may have failed.
    Completed(InvokeOutcome),
    /// It could not be run.
    Rejected(InvokeError),
    /// The gateway no longer waits. The function still runs.
    TimedOut,
    /// A bug of this program.
    Panicked,
}

impl Integration {
    /// Invokes the function. It is not interrupted when the time is over: in AWS, too, only
    /// the gateway gives up.
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
