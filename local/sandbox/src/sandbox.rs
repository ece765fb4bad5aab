use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use xray_local_lambda_rules::{FunctionName, MAX_PAYLOAD_BYTES, is_reserved_variable};

use crate::context::SandboxContext;
use crate::invocation::{Call, LeaseOutcome, Pool};
use crate::state::ShutdownReason;
use crate::{
    FunctionConfig, Invocation, InvokeError, InvokeOutcome, LogSink, LogSource, SandboxConfig,
    SegmentSink,
};

/// Runs functions as Lambda does. Cheap to clone; when the last clone is dropped, every
/// process is killed. [`shutdown`](Self::shutdown) lets them end by themselves.
#[derive(Clone)]
pub struct Sandbox {
    inner: Arc<Inner>,
}

struct Inner {
    context: Arc<SandboxContext>,
    pools: Mutex<BTreeMap<String, Arc<Pool>>>,
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox")
            .field("functions", &self.pools().keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl Sandbox {
    pub fn new(
        config: SandboxConfig,
        segments: Arc<dyn SegmentSink>,
        logs: Arc<dyn LogSink>,
    ) -> Self {
        let context = SandboxContext::new(config, segments, logs);
        Self {
            inner: Arc::new(Inner {
                context: Arc::new(context),
                pools: Mutex::default(),
            }),
        }
    }

    /// Adds a function, or replaces the one of the same name: its next request gets a
    /// new environment. Nothing is started yet.
    ///
    /// Replacing needs a Tokio runtime, because the environments of the old one are
    /// shut down.
    pub fn add_function(&self, function: FunctionConfig) {
        for name in function
            .environment
            .keys()
            .filter(|name| is_reserved_variable(name))
        {
            let line = format!(
                "variable {name} of function {} is reserved by Lambda: it was left out",
                function.name
            );
            self.inner
                .context
                .logs
                .line(&function.name, LogSource::Platform, &line);
        }
        let name = function.name.clone();
        let pool = Pool::new(function, self.inner.context.config.sampling);
        let replaced = self.pools().insert(name, pool);
        for environment in replaced.iter().flat_map(|pool| pool.close()) {
            tokio::spawn(environment.shutdown(ShutdownReason::Spindown));
        }
    }

    /// All functions, by name.
    pub fn functions(&self) -> Vec<FunctionConfig> {
        self.pools()
            .values()
            .map(|pool| FunctionConfig::clone(&pool.function))
            .collect()
    }

    /// Runs a function, named by its name, ARN or partial ARN, each with the qualifier
    /// `$LATEST` or none. Returns as soon as the runtime has answered; the request goes
    /// on to its end even if this future is dropped.
    ///
    /// # Errors
    /// Whatever Lambda answers with another status than 200. An error of the function
    /// is none of those: see [`InvokeOutcome::function_error`].
    pub async fn invoke(
        &self,
        function: &str,
        invocation: Invocation,
    ) -> Result<InvokeOutcome, InvokeError> {
        let context = &self.inner.context;
        if context.is_closing() {
            return Err(InvokeError::ShuttingDown);
        }
        if invocation.payload.len() > MAX_PAYLOAD_BYTES {
            return Err(InvokeError::RequestTooLarge(invocation.payload.len()));
        }
        let unknown = || InvokeError::UnknownFunction(function.to_owned());
        let name = FunctionName::parse(function).ok_or_else(unknown)?;
        let pool = self.pools().get(name.name).cloned();
        let pool = pool
            .filter(|pool| is_named(&pool.function, &name))
            .ok_or_else(unknown)?;

        let call = Call::accept(context, &pool, name.qualifier, invocation);
        let lease = match pool.lease(context.config.max_concurrency).await {
            LeaseOutcome::Environment(lease) => lease,
            LeaseOutcome::Throttled => return Err(call.throttled()),
            LeaseOutcome::Closed => return Err(InvokeError::ShuttingDown),
        };
        let (reply, outcome) = oneshot::channel();
        tokio::spawn(call.run(lease, reply));
        outcome.await.unwrap_or(Err(InvokeError::ShuttingDown))
    }

    /// SHUTDOWN (`SPINDOWN`) to every environment; returns once all processes are gone.
    /// Requests that run have two seconds to end.
    pub async fn shutdown(&self) {
        let context = &self.inner.context;
        context.close();
        let pools: Vec<_> = self.pools().values().cloned().collect();
        for environment in pools.iter().flat_map(|pool| pool.close()) {
            tokio::spawn(environment.shutdown(ShutdownReason::Spindown));
        }
        context.until_idle().await;
    }

    fn pools(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Pool>>> {
        self.inner
            .pools
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a caller means `function`, of which only `$LATEST` exists.
fn is_named(function: &FunctionConfig, name: &FunctionName<'_>) -> bool {
    name.matches(&function.region, &function.account_id, &function.name)
        && name
            .qualifier
            .is_none_or(|qualifier| qualifier == "$LATEST")
}
