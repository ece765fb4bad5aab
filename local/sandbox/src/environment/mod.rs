//! One execution environment: the APIs on a port of their own and the processes that
//! were told of it.

mod init;
mod shutdown;
mod variables;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt;
use rustix::process::Signal;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};
use xray_document::Timestamp;

use variables::{Instance, Variables};

use crate::apis::{self, ApiContext};
use crate::context::{ActivityGuard, SandboxContext};
use crate::platform::{InitPhase, Reporter};
use crate::process::{DetachedProcesses, Process, Reaper};
use crate::state::{Failure, Request, RuntimeResponse, SharedState, State};
use crate::{FunctionConfig, clock};

/// How long a telemetry delivery that is under way may hold up the freeze. Longer,
/// and it goes on after the thaw.
const FREEZE_DELIVERY_WAIT: Duration = Duration::from_millis(200);

/// Processes and APIs of one environment. Dropping it kills every process.
#[derive(Debug)]
pub(crate) struct Environment {
    function: Arc<FunctionConfig>,
    pub(crate) state: SharedState,
    pub(crate) reporter: Arc<Reporter>,
    phase: InitPhase,
    variables: Variables,
    log_stream: String,
    runtime: Option<Process>,
    extensions: Vec<(String, Process)>,
    server: AbortHandle,
    reaper: Option<Reaper>,
    detached: DetachedProcesses,
    _activity: ActivityGuard,
}

impl Drop for Environment {
    fn drop(&mut self) {
        // Lambda ends the whole sandbox: nothing of it goes on.
        self.signal_detached(Signal::KILL);
        self.server.abort();
    }
}

impl Environment {
    /// Opens the APIs. No process runs before [`init`](Self::init).
    ///
    /// # Errors
    /// A sentence, where the machine has no port left.
    pub(crate) async fn open(
        function: &Arc<FunctionConfig>,
        context: &SandboxContext,
        phase: InitPhase,
    ) -> Result<Self, String> {
        let no_port = |error| {
            format!(
                "the APIs of function {} need a free port on 127.0.0.1: {error}",
                function.name
            )
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .map_err(no_port)?;
        let address = listener.local_addr().map_err(no_port)?.to_string();
        let layer_port = if function.extensions.is_empty() {
            None
        } else {
            Some(free_udp_port().map_err(no_port)?)
        };
        let log_stream = format!(
            "{}/[$LATEST]{}",
            clock::date_path(Timestamp::now()),
            uuid::Uuid::new_v4().simple()
        );
        let path = std::env::var("PATH").ok();
        let instance = Instance {
            runtime_api: &address,
            log_stream: &log_stream,
            layer_port,
            host_path: path.as_deref(),
        };
        let variables = Variables::new(function, &context.config, &instance);

        let reporter = Reporter::new(
            function,
            Arc::clone(&context.logs),
            Arc::clone(&context.segments),
        );
        let api = ApiContext {
            function: Arc::clone(function),
            state: SharedState::default(),
            reporter: Arc::new(reporter),
        };
        let router = apis::router(api.clone());
        let server = tokio::spawn(async move {
            // It ends only with the environment.
            // Without delay: head and body of an answer may be two packets.
            let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
            let _ = axum::serve(listener, router).await;
        });
        let reaper = context.reaper();
        Ok(Self {
            detached: DetachedProcesses::new(&address, reaper.clone()),
            function: api.function,
            state: api.state,
            reporter: api.reporter,
            phase,
            variables,
            log_stream,
            runtime: None,
            extensions: Vec::new(),
            server: server.abort_handle(),
            reaper,
            _activity: context.begin_activity(),
        })
    }

    /// Whether init was run, with whatever result.
    pub(crate) fn is_started(&self) -> bool {
        self.runtime.is_some() || !self.extensions.is_empty()
    }

    /// Whether the processes still run: a request can be given to it.
    pub(crate) fn is_usable(&self) -> bool {
        self.state.borrow().failure().is_none()
    }

    pub(crate) fn dispatch(&self, request: Request) {
        self.state.change(|state| state.dispatch(request));
    }

    /// Waits for the runtime's answer. One that came counts, even if the runtime died after it.
    pub(crate) async fn response(&self, deadline: Instant) -> Result<RuntimeResponse, Failure> {
        let response = self.state.until(|state| match &state.response {
            Some(response) => Some(Ok(response.clone())),
            None => state.failure().map(Err),
        });
        let response = timeout_at(deadline, response)
            .await
            .unwrap_or(Err(Failure::Timeout));
        // With the answer goes the log's tail.
        self.flush_runtime();
        self.update_peak_memory();
        response
    }

    /// Waits until `ready` holds.
    pub(crate) async fn wait(
        &self,
        deadline: Instant,
        ready: impl Fn(&State) -> bool,
    ) -> Result<(), Failure> {
        let outcome = self.state.until(|state| match state.failure() {
            Some(failure) => Some(Err(failure)),
            None => ready(state).then_some(Ok(())),
        });
        timeout_at(deadline, outcome)
            .await
            .unwrap_or(Err(Failure::Timeout))
    }

    /// Stops every process, as Lambda does between invocations.
    pub(crate) async fn freeze(&self) {
        self.reporter.telemetry.pause(FREEZE_DELIVERY_WAIT).await;
        self.signal(Signal::STOP);
        // Only now: what stands still starts no more of them.
        self.signal_detached(Signal::STOP);
    }

    pub(crate) fn thaw(&self) {
        self.signal(Signal::CONT);
        self.reporter.telemetry.resume();
    }

    /// Passes on every line that was written so far.
    pub(crate) fn drain(&self) {
        self.processes().for_each(Process::drain);
    }

    /// Passes on what was written so far, lines without their ends, too.
    pub(crate) fn flush(&self) {
        self.processes().for_each(Process::flush);
    }

    /// The same of the runtime alone: extensions may be in the midst of a line.
    pub(crate) fn flush_runtime(&self) {
        self.drain();
        self.runtime.iter().for_each(Process::flush);
    }

    /// The most memory that the processes had, together.
    pub(crate) fn peak_memory_mb(&self) -> u64 {
        let bytes: u64 = self.processes().map(Process::peak_memory).sum();
        bytes.div_ceil(1024 * 1024)
    }

    /// Takes note of the memory while there are processes to ask: one that crashes cannot
    /// be asked afterwards.
    fn update_peak_memory(&self) {
        self.peak_memory_mb();
    }

    fn signal(&self, signal: Signal) {
        self.processes().for_each(|process| process.signal(signal));
        self.detached.signal(signal);
    }

    /// To the processes that left the groups of those that were started here.
    fn signal_detached(&self, signal: Signal) {
        if self.is_started() {
            let groups: Vec<_> = self.processes().map(Process::group).collect();
            self.detached.find_and_signal(&groups, signal);
        }
    }

    fn processes(&self) -> impl Iterator<Item = &Process> {
        self.runtime
            .iter()
            .chain(self.extensions.iter().map(|(_, process)| process))
    }
}

/// A port that was free a moment ago, for the extension that listens for segments.
fn free_udp_port() -> std::io::Result<u16> {
    Ok(std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}
