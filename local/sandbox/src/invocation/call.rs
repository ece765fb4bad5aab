use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};
use uuid::Uuid;
use xray_document::{Timestamp, TraceHeader};
use xray_local_lambda_rules::function_arn;

use super::pool::{Lease, Pool};
use super::trace::Trace;
use crate::clock::epoch_millis;
use crate::context::{ActivityGuard, SandboxContext};
use crate::environment::Environment;
use crate::platform::{
    InitPhase, InitReport, InvocationReport, PlatformEvent, Progress, ReceivedRequest, Reporter,
};
use crate::state::{Failure, Request, ShutdownReason, State};
use crate::{FunctionError, Invocation, InvokeError, InvokeOutcome};

/// The time for an on-demand init (Lambda Developer Guide, "Lambda execution environment
/// lifecycle").
const INIT_TIMEOUT: Duration = Duration::from_secs(10);

/// The time for a running invocation to end after the shutdown of the sandbox begins.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(2);

/// Takes the caller's result.
pub(crate) type Reply = oneshot::Sender<Result<InvokeOutcome, InvokeError>>;

/// A request to a function, from its arrival to REPORT.
pub(crate) struct Call {
    context: Arc<SandboxContext>,
    request: ReceivedRequest,
    /// The ARN with the qualifier that the caller gave.
    invoked_arn: String,
    trace_header: TraceHeader,
    invocation: Invocation,
    /// `None` after the caller has its result.
    reply: Option<Reply>,
    /// The environment's reporter, once the call has an environment.
    reporter: Arc<Reporter>,
    _activity: ActivityGuard,
}

impl Call {
    /// Creates the call and decides on its trace. Emits nothing.
    pub(crate) fn new(
        context: &Arc<SandboxContext>,
        pool: &Pool,
        qualifier: Option<&str>,
        invocation: Invocation,
    ) -> Self {
        let function = Arc::clone(&pool.function);
        let arn = function_arn(&function.region, &function.account_id, &function.name);
        let trace = Trace::begin(
            function.tracing,
            invocation.trace_header.as_ref(),
            &arn,
            || pool.sample(),
        );
        let invoked_arn = qualifier.map_or(arn.clone(), |qualifier| format!("{arn}:{qualifier}"));
        let reporter = Reporter::new(
            &function,
            Arc::clone(&context.logs),
            Arc::clone(&context.segments),
        );
        Self {
            context: Arc::clone(context),
            request: ReceivedRequest {
                id: Uuid::new_v4().to_string(),
                function,
                at: Timestamp::now(),
                trace: trace.sampled,
            },
            invoked_arn,
            trace_header: trace.header,
            invocation,
            reply: None,
            reporter: Arc::new(reporter),
            _activity: context.begin_activity(),
        }
    }

    /// Reports that the function has too many concurrent requests. Returns the caller's error.
    pub(crate) fn throttled(&self) -> InvokeError {
        let max = self.context.config.max_concurrency;
        let error = InvokeError::TooManyRequests(format!(
            "Rate Exceeded: function {} already has {max} concurrent requests",
            self.request.function.name
        ));
        self.emit_rejected(&error);
        error
    }

    /// Runs the invocation in the leased environment, or in a new one, and sends the caller's
    /// result to `reply`. Returns after REPORT and the freeze.
    pub(crate) async fn run(mut self, mut lease: Lease, reply: Reply) {
        self.reply = Some(reply);
        self.reporter.emit(&PlatformEvent::Accepted {
            request: &self.request,
        });
        let closing = self.context.closing();
        let mut interrupted = pin!(async {
            closing.await;
            sleep(SHUTDOWN_GRACE).await;
        });

        let (mut environment, init) = match lease.take_warm() {
            Some(warm) => {
                warm.thaw();
                (warm, None)
            }
            None => tokio::select! {
                started = self.cold_start() => match started {
                    Ok(started) => started,
                    Err(message) => return self.reject(InvokeError::CannotStart(message)),
                },
                () = &mut interrupted => return self.reject(InvokeError::ShuttingDown),
            },
        };
        self.reporter = Arc::clone(&environment.reporter);
        let mut progress = Progress::new(Timestamp::now(), init);
        let deadline = Instant::now() + self.request.function.timeout;
        self.reporter.begin_log_tail();
        self.reporter.emit(&PlatformEvent::Start {
            request: &self.request,
            at: progress.start,
        });
        let ended = tokio::select! {
            ended = self.invoke(&mut environment, &mut lease, deadline, &mut progress) => ended,
            () = &mut interrupted => Err(Failure::Interrupted),
        };
        self.end(environment, lease, &progress, ended.err()).await;
    }

    /// Starts an environment. If its init fails, opens a second one whose init is suppressed:
    /// it runs within the invocation, under the function's timeout.
    async fn cold_start(&self) -> Result<(Environment, Option<InitReport>), String> {
        let mut environment = self.open(InitPhase::Init).await?;
        let init = environment.init(Instant::now() + INIT_TIMEOUT).await?;
        let Some(failure) = &init.failure else {
            return Ok((environment, Some(init)));
        };
        // First, because the processes of the failed one may use ports that the next one needs.
        environment.shutdown(failure.shutdown_reason()).await;
        Ok((self.open(InitPhase::Invoke).await?, None))
    }

    async fn open(&self, phase: InitPhase) -> Result<Environment, String> {
        Environment::open(&self.request.function, &self.context, phase).await
    }

    /// Passes the request to the processes and waits until they are done with it.
    async fn invoke(
        &mut self,
        environment: &mut Environment,
        lease: &mut Lease,
        deadline: Instant,
        progress: &mut Progress,
    ) -> Result<(), Failure> {
        if !environment.is_started() {
            let init = environment.init(deadline).await;
            let init = init.map_err(|message| Failure::entrypoint(&message))?;
            let failure = init.failure.clone();
            progress.init = Some(init);
            failure.map_or(Ok(()), Err)?;
        }
        environment.dispatch(Request {
            id: self.request.id.clone(),
            arn: self.invoked_arn.clone(),
            payload: self.invocation.payload.clone(),
            deadline_ms: epoch_millis(progress.start + self.request.function.timeout),
            trace_header: self.trace_header.to_string(),
            client_context: self.invocation.client_context.clone(),
        });
        progress.dispatched = true;

        let response = environment.response(deadline).await?;
        let is_error = response.error_type.is_some();
        // Before the response, because the caller may send its next request at once.
        lease.finishing();
        self.respond(response.payload.clone(), is_error, response.complete);
        progress.response = Some(response);

        environment.wait(deadline, State::runtime_ready).await?;
        environment.flush_runtime();
        progress.runtime_done = environment.state.borrow().runtime_ready_at;
        self.emit_runtime_done(progress, None);
        environment.wait(deadline, State::invoke_done).await
    }

    /// Sends the response to the caller, unless it has its result already.
    fn respond(&mut self, payload: bytes::Bytes, is_error: bool, at: Timestamp) {
        let Some(reply) = self.reply.take() else {
            return;
        };
        self.reporter.emit(&PlatformEvent::Responded {
            request: &self.request,
            at,
            is_error,
        });
        let outcome = InvokeOutcome {
            request_id: self.request.id.clone(),
            payload,
            // Lambda reports every error of a runtime as `Unhandled`.
            function_error: is_error.then_some(FunctionError::Unhandled),
            trace_header: self.trace_header.clone(),
            log_tail: self.reporter.log_tail(),
        };
        // Fails if the caller no longer waits.
        let _ = reply.send(Ok(outcome));
    }

    /// Sends an error to the caller, unless it has its result already.
    fn reject(&mut self, error: InvokeError) {
        let Some(reply) = self.reply.take() else {
            return;
        };
        self.emit_rejected(&error);
        let _ = reply.send(Err(error));
    }

    /// Reports the end, and gives the environment back or shuts it down.
    async fn end(
        mut self,
        environment: Environment,
        mut lease: Lease,
        progress: &Progress,
        failure: Option<Failure>,
    ) {
        // Otherwise late lines would appear in the next invocation's log.
        environment.flush();
        lease.finishing();
        if let Some(failure) = &failure {
            self.fail(failure);
        }
        if progress.dispatched && progress.runtime_done.is_none() {
            self.emit_runtime_done(progress, failure.as_ref());
        }
        self.emit_report(&environment, progress, failure.as_ref());

        if let Some(failure) = &failure {
            // The next request starts a new environment and need not wait for the end of this one.
            drop(lease);
            return environment.shutdown(failure.shutdown_reason()).await;
        }
        if self.context.config.freeze {
            environment.freeze().await;
        }
        if let Some(environment) = lease.give_back(environment, self.context.config.idle_timeout) {
            environment.shutdown(ShutdownReason::Spindown).await;
        }
    }

    /// Reports the failure of the environment, also to the caller.
    fn fail(&mut self, failure: &Failure) {
        self.reporter.emit(&PlatformEvent::Failed {
            request: &self.request,
            failure,
            at: Timestamp::now(),
        });
        if *failure == Failure::Interrupted {
            self.reject(InvokeError::ShuttingDown);
        }
        let payload = failure.payload(&self.request.id, self.request.function.timeout);
        self.respond(payload, true, Timestamp::now());
    }

    fn emit_rejected(&self, error: &InvokeError) {
        self.reporter.emit(&PlatformEvent::Rejected {
            request: &self.request,
            at: Timestamp::now(),
            error,
        });
    }

    fn emit_runtime_done(&self, progress: &Progress, failure: Option<&Failure>) {
        self.reporter.emit(&PlatformEvent::RuntimeDone {
            request: &self.request,
            progress,
            failure,
            end: progress.runtime_done.unwrap_or_else(Timestamp::now),
        });
    }

    fn emit_report(
        &self,
        environment: &Environment,
        progress: &Progress,
        failure: Option<&Failure>,
    ) {
        let done = environment.state.borrow().invoke_done_at();
        let end = match failure {
            Some(Failure::Timeout) => progress.start + self.request.function.timeout,
            Some(_) => Timestamp::now(),
            None => done.unwrap_or_else(Timestamp::now),
        };
        self.reporter.emit(&PlatformEvent::Report(InvocationReport {
            request: &self.request,
            progress,
            failure,
            end,
            peak_memory_mb: environment.peak_memory_mb(),
        }));
    }
}
