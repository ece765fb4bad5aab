//! One request, from the moment when it was accepted to REPORT.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};
use uuid::Uuid;
use xray_document::{Document, Timestamp};
use xray_local_lambda_rules::function_arn;

use super::pool::{Lease, Pool};
use super::progress::Progress;
use super::trace::Trace;
use crate::clock::epoch_millis;
use crate::context::{Alive, World};
use crate::environment::Environment;
use crate::platform::telemetry::{Platform, span};
use crate::platform::{Drawing, Init, Invoked, Phase, Report, SampledTrace, Served};
use crate::state::{Failure, Request, ShutdownReason, State};
use crate::{FunctionConfig, FunctionError, Invocation, InvokeError, InvokeOutcome};

/// Init on demand (Lambda Developer Guide, "Lambda execution environment lifecycle").
const INIT_LIMIT: Duration = Duration::from_secs(10);

/// How long a request that runs when the sandbox ends may go on.
const CLOSING: Duration = Duration::from_secs(2);

pub(crate) type Reply = oneshot::Sender<Result<InvokeOutcome, InvokeError>>;

/// A request that was accepted.
pub(crate) struct Call {
    world: Arc<World>,
    function: Arc<FunctionConfig>,
    arn: String,
    /// With the qualifier that the caller gave.
    invoked_arn: String,
    id: String,
    accepted: Timestamp,
    trace: Trace,
    invocation: Invocation,
    reply: Option<Reply>,
    _alive: Alive,
}

impl Call {
    pub(crate) fn accept(
        world: &Arc<World>,
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
        let invoked_arn =
            qualifier.map_or_else(|| arn.clone(), |qualifier| format!("{arn}:{qualifier}"));
        Self {
            world: Arc::clone(world),
            function,
            arn,
            invoked_arn,
            id: Uuid::new_v4().to_string(),
            accepted: Timestamp::now(),
            trace,
            invocation,
            reply: None,
            _alive: world.alive(),
        }
    }

    /// The caller gets nothing but 429.
    pub(crate) fn throttled(&self) -> InvokeError {
        self.draw(|drawing| {
            drawing.service(self.accepted, Some((Timestamp::now(), Served::Throttled)))
        });
        let max = self.world.config.max_concurrency;
        InvokeError::TooManyRequests(format!(
            "Rate Exceeded: function {} has {max} requests at once already",
            self.function.name
        ))
    }

    pub(crate) async fn run(mut self, mut lease: Lease, reply: Reply) {
        self.reply = Some(reply);
        self.draw(|drawing| drawing.service(self.accepted, None));
        let closing = self.world.closing();
        let mut interrupted = pin!(async {
            closing.await;
            sleep(CLOSING).await;
        });

        let (mut environment, init) = match lease.take_warm() {
            Some(warm) => {
                warm.thaw();
                (warm, None)
            }
            None => tokio::select! {
                cold = self.cold() => match cold {
                    Ok(cold) => cold,
                    Err(sentence) => return self.refuse(InvokeError::CannotStart(sentence), 502),
                },
                () = &mut interrupted => return self.refuse(InvokeError::ShuttingDown, 503),
            },
        };
        let mut progress = Progress::begin(Timestamp::now(), init);
        let deadline = Instant::now() + self.function.timeout;
        self.begin(&environment, progress.start);
        let ended = tokio::select! {
            ended = self.drive(&mut environment, &mut lease, deadline, &mut progress) => ended,
            () = &mut interrupted => Err(Failure::Interrupted),
        };
        self.end(environment, lease, &progress, ended.err()).await;
    }

    /// A new environment. Where its init fails, a second one that has not begun: its
    /// init is suppressed, that is, runs again within the invocation.
    async fn cold(&self) -> Result<(Environment, Option<Init>), String> {
        let mut environment = self.open(Phase::Init).await?;
        let init = environment.init(Instant::now() + INIT_LIMIT).await?;
        let Some(failure) = &init.failure else {
            return Ok((environment, Some(init)));
        };
        // The new one needs the ports that the processes of the old one have.
        environment.shutdown(failure.reason()).await;
        Ok((self.open(Phase::Invoke).await?, None))
    }

    async fn open(&self, phase: Phase) -> Result<Environment, String> {
        Environment::open(&self.function, &self.world, phase).await
    }

    fn begin(&self, environment: &Environment, start: Timestamp) {
        let log = &environment.log;
        log.begin_tail();
        log.platform(&format!("START RequestId: {} Version: $LATEST", self.id));
        let tracing = self.trace.sampled.as_ref().map(SampledTrace::telemetry);
        environment.telemetry.platform(&Platform::Start {
            request_id: &self.id,
            tracing: tracing.as_ref(),
        });
        self.draw(|drawing| drawing.function_begun(start));
    }

    async fn drive(
        &mut self,
        environment: &mut Environment,
        lease: &mut Lease,
        deadline: Instant,
        progress: &mut Progress,
    ) -> Result<(), Failure> {
        if !environment.has_begun() {
            let init = environment.init(deadline).await;
            let init = init.map_err(|sentence| Failure::entrypoint(&sentence))?;
            let failure = init.failure.clone();
            progress.init = Some(init);
            failure.map_or(Ok(()), Err)?;
        }
        environment.dispatch(Request {
            id: self.id.clone(),
            arn: self.invoked_arn.clone(),
            payload: self.invocation.payload.clone(),
            deadline_ms: epoch_millis(progress.start + self.function.timeout),
            trace_header: self.trace.header.to_string(),
            client_context: self.invocation.client_context.clone(),
        });
        progress.dispatched = true;

        let answer = environment.answer(deadline).await?;
        let served = if answer.error_type.is_some() {
            Served::FunctionError
        } else {
            Served::Success
        };
        // Before the caller can ask again.
        lease.finishing();
        self.answer(environment, answer.payload.clone(), served, answer.complete);
        progress.answer = Some(answer);

        environment.wait(deadline, State::runtime_ready).await?;
        environment.flush_runtime();
        progress.runtime_done = environment.state.borrow().runtime_ready_at;
        self.tell_runtime_done(environment, progress, None);
        environment.wait(deadline, State::invoke_done).await
    }

    /// Gives the caller what it waits for, and draws the service's segment.
    fn answer(
        &mut self,
        environment: &Environment,
        payload: bytes::Bytes,
        served: Served,
        at: Timestamp,
    ) {
        let Some(reply) = self.reply.take() else {
            return;
        };
        self.draw(|drawing| drawing.service(self.accepted, Some((at, served))));
        let outcome = InvokeOutcome {
            request_id: self.id.clone(),
            payload,
            // Lambda says `Unhandled` of every error that a runtime reports.
            function_error: (served != Served::Success).then_some(FunctionError::Unhandled),
            trace_header: self.trace.header.clone(),
            log_tail: environment.log.tail(),
        };
        // A caller that has gone needs no answer.
        let _ = reply.send(Ok(outcome));
    }

    fn refuse(&mut self, error: InvokeError, status: u16) {
        let Some(reply) = self.reply.take() else {
            return;
        };
        let end = (Timestamp::now(), Served::Refused(status));
        self.draw(|drawing| drawing.service(self.accepted, Some(end)));
        let _ = reply.send(Err(error));
    }

    async fn end(
        mut self,
        environment: Environment,
        mut lease: Lease,
        progress: &Progress,
        failure: Option<Failure>,
    ) {
        // Nothing of this request is to appear in the next one's log.
        environment.flush();
        lease.finishing();
        if let Some(failure) = &failure {
            self.log_failure(&environment, failure);
            if *failure == Failure::Interrupted {
                self.refuse(InvokeError::ShuttingDown, 503);
            }
            let payload = failure.payload(&self.id, self.function.timeout);
            self.answer(
                &environment,
                payload,
                Served::FunctionError,
                Timestamp::now(),
            );
        }
        if progress.dispatched && progress.runtime_done.is_none() {
            self.tell_runtime_done(&environment, progress, failure.as_ref());
        }
        self.report(&environment, progress, failure.as_ref());

        if let Some(failure) = &failure {
            // The next request need not wait until this one is gone: it gets a new one.
            drop(lease);
            return environment.shutdown(failure.reason()).await;
        }
        if self.world.config.freeze {
            environment.freeze().await;
        }
        if let Some(unwanted) = lease.park(environment, self.world.config.idle_timeout) {
            unwanted.shutdown(ShutdownReason::Spindown).await;
        }
    }

    fn log_failure(&self, environment: &Environment, failure: &Failure) {
        let message = failure.message(self.function.timeout);
        let log = &environment.log;
        if matches!(failure, Failure::Timeout) {
            log.platform(&format!(
                "{} {} {message}",
                Timestamp::now().to_iso8601(),
                self.id
            ));
        } else {
            log.platform(&format!("RequestId: {} Error: {message}", self.id));
            log.platform(failure.error_type());
        }
    }

    fn tell_runtime_done(
        &self,
        environment: &Environment,
        progress: &Progress,
        failure: Option<&Failure>,
    ) {
        let (status, error_type) = progress.status(failure);
        let end = progress.runtime_done.unwrap_or_else(Timestamp::now);
        let tracing = self.trace.sampled.as_ref().map(SampledTrace::telemetry);
        environment.telemetry.platform(&Platform::RuntimeDone {
            request_id: &self.id,
            status,
            error_type: error_type.as_deref(),
            duration: end.since(progress.start),
            produced_bytes: progress.answer.as_ref().map(|answer| answer.payload.len()),
            spans: &progress.runtime_spans(),
            tracing: tracing.as_ref(),
        });
    }

    fn report(&self, environment: &Environment, progress: &Progress, failure: Option<&Failure>) {
        let done = environment.state.borrow().invoke_done_at();
        let end = match failure {
            Some(Failure::Timeout) => progress.start + self.function.timeout,
            Some(_) => Timestamp::now(),
            None => done.unwrap_or_else(Timestamp::now),
        };
        let (status, error_type) = progress.status(failure);
        let overhead = progress
            .runtime_done
            .map(|done| span("extensionOverhead", done, end));
        let tracing = self.trace.sampled.as_ref().map(SampledTrace::telemetry);
        Report {
            request_id: &self.id,
            function: &self.function,
            duration: end.since(progress.start),
            init: progress.init.as_ref(),
            peak_memory_mb: environment.peak_memory_mb(),
            status,
            error_type: error_type.as_deref(),
            fatal: failure.is_some(),
            spans: overhead.as_slice(),
            trace: self.trace.sampled.as_ref(),
            tracing: tracing.as_ref(),
        }
        .tell(&environment.telemetry, &environment.log);

        let mut spans = progress.runtime_spans();
        spans.extend(overhead);
        let cause = progress.cause(failure, &self.id, self.function.timeout);
        self.draw(|drawing| {
            drawing.function(&Invoked {
                start: progress.start,
                end,
                spans: &spans,
                init: progress.init.as_ref(),
                cause,
            })
        });
    }

    fn draw(&self, document: impl FnOnce(Drawing<'_>) -> Document) {
        if let Some(trace) = &self.trace.sampled {
            let drawing = Drawing {
                trace,
                function: &self.function,
                arn: &self.arn,
                request_id: &self.id,
            };
            self.world.segments.put(vec![document(drawing)]);
        }
    }
}
