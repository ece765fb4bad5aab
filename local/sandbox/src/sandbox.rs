use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use xray_local_lambda_rules::{FunctionName, MAX_REQUEST_BYTES, is_reserved_variable};

use crate::context::SandboxContext;
use crate::invocation::{Call, LeaseOutcome, Pool};
use crate::state::ShutdownReason;
use crate::{
    FunctionConfig, Invocation, InvokeError, InvokeOutcome, LogSink, LogSource, SandboxConfig,
    SegmentSink,
};

/// Runs functions as Lambda does.
///
/// A clone is cheap and shares the functions. When the last clone is dropped, every process is
/// killed; [`shutdown`](Self::shutdown) lets them end by themselves.
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
    /// Creates a sandbox without functions. It starts no process.
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

    /// Adds a function, or replaces the one with the same name. The next request starts a new
    /// environment. A reserved variable of the function is ignored; a line in its log names it.
    /// Inside of a Tokio runtime, it starts the supervisor of the next environment.
    ///
    /// # Panics
    /// If it replaces a function outside of a Tokio runtime, which the shutdown of the old
    /// environments needs.
    pub fn add_function(&self, function: FunctionConfig) {
        for name in function
            .environment
            .keys()
            .filter(|name| is_reserved_variable(name))
        {
            let line = format!(
                "variable {name} of function {} is reserved by Lambda and was ignored: remove it",
                function.name
            );
            self.inner
                .context
                .logs
                .line(&function.name, LogSource::Platform, &line);
        }
        self.inner.context.supervisors.prepare();
        let name = function.name.clone();
        let pool = Pool::new(function, self.inner.context.config.sampling);
        let replaced = self.pools().insert(name, pool);
        for environment in replaced.iter().flat_map(|pool| pool.close()) {
            tokio::spawn(environment.shutdown(ShutdownReason::Spindown));
        }
    }

    /// All functions, sorted by name.
    pub fn functions(&self) -> Vec<FunctionConfig> {
        self.pools()
            .values()
            .map(|pool| FunctionConfig::clone(&pool.function))
            .collect()
    }

    /// Runs a function, which the caller names by its name, its ARN or a partial ARN. Every
    /// qualifier runs `$LATEST`, and is part of the ARN that the function receives.
    ///
    /// Returns as soon as the runtime has responded, while extensions may still work. The
    /// invocation runs to its end even if this future is dropped.
    ///
    /// # Errors
    /// An [`InvokeError`] for each status other than 200. An error of the function has status
    /// 200: see [`InvokeOutcome::function_error`].
    pub async fn invoke(
        &self,
        function: &str,
        invocation: Invocation,
    ) -> Result<InvokeOutcome, InvokeError> {
        let context = &self.inner.context;
        if context.is_closing() {
            return Err(InvokeError::ShuttingDown);
        }
        if invocation.payload.len() > MAX_REQUEST_BYTES {
            return Err(InvokeError::RequestTooLarge(invocation.payload.len()));
        }
        let unknown = || InvokeError::UnknownFunction(function.to_owned());
        let name = FunctionName::parse(function).ok_or_else(unknown)?;
        let pool = self.pools().get(name.name).cloned();
        let pool = pool
            .filter(|pool| is_named(&pool.function, &name))
            .ok_or_else(unknown)?;

        let call = Call::new(context, &pool, name.qualifier, invocation);
        let lease = match pool.lease(context.config.max_concurrency).await {
            LeaseOutcome::Environment(lease) => lease,
            LeaseOutcome::Throttled => return Err(call.throttled()),
            LeaseOutcome::Closed => return Err(InvokeError::ShuttingDown),
        };
        let (reply, outcome) = oneshot::channel();
        let context = Arc::clone(context);
        tokio::spawn(async move {
            call.run(lease, reply).await;
            context.supervisors.prepare();
        });
        outcome.await.unwrap_or(Err(InvokeError::ShuttingDown))
    }

    /// Shuts every environment down (SHUTDOWN with `SPINDOWN`) and waits for the end of all
    /// processes. Running invocations have two seconds to end.
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

fn is_named(function: &FunctionConfig, name: &FunctionName<'_>) -> bool {
    name.matches(&function.region, &function.account_id, &function.name)
}
