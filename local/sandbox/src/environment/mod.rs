//! One execution environment: its APIs, on an address of their own, and its processes.

mod address;
mod init;
mod processes;
mod shutdown;
mod variables;

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;

use axum::Router;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};
use xray_document::Timestamp;

use crate::apis::{self, ApiContext};
use crate::context::{ActivityGuard, SandboxContext};
use crate::platform::{InitPhase, Reporter};
use crate::process::{Process, Supervisor};
use crate::state::{Failure, Request, RuntimeResponse, SharedState, State};
use crate::{FunctionConfig, clock};
use variables::{Instance, Variables};

/// The APIs and the processes of one environment. Dropping it kills every process.
#[derive(Debug)]
pub(crate) struct Environment {
    function: Arc<FunctionConfig>,
    pub(crate) state: SharedState,
    pub(crate) reporter: Arc<Reporter>,
    phase: InitPhase,
    variables: Variables,
    log_stream: String,
    runtime: Option<Process>,
    /// By name.
    extensions: Vec<(String, Process)>,
    server: AbortHandle,
    /// Dropping it kills every process, also those that left their group.
    supervisor: Arc<Supervisor>,
    _activity: ActivityGuard,
}

impl Drop for Environment {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Environment {
    /// Opens the APIs. [`init`](Self::init) starts the processes.
    ///
    /// # Errors
    /// A message, if the machine has no free port, or if the supervisor cannot start.
    pub(crate) async fn open(
        function: &Arc<FunctionConfig>,
        context: &SandboxContext,
        phase: InitPhase,
    ) -> Result<Self, String> {
        let no_port = |error| {
            format!(
                "the APIs of function {} need a free port on loopback: {error}",
                function.name
            )
        };
        let no_supervisor = |error| {
            format!(
                "the supervisor of function {} cannot start: {error}",
                function.name
            )
        };
        let supervisor = context.supervisors.take().map_err(no_supervisor)?;
        let listener = address::listen().await.map_err(no_port)?;
        let address = listener.local_addr().map_err(no_port)?.to_string();
        let layer_port = if function.extensions.is_empty() {
            None
        } else {
            Some(free_udp_port().map_err(no_port)?)
        };
        let log_stream = new_log_stream();
        let host_path = std::env::var("PATH").ok();
        let instance = Instance {
            runtime_api: &address,
            log_stream: &log_stream,
            layer_port,
            host_path: host_path.as_deref(),
        };
        let variables = Variables::new(function, &context.config, &instance);
        let (logs, segments) = (Arc::clone(&context.logs), Arc::clone(&context.segments));
        let api = ApiContext {
            function: Arc::clone(function),
            state: SharedState::default(),
            reporter: Arc::new(Reporter::new(function, logs, segments)),
        };
        Ok(Self {
            server: serve(listener, apis::router(api.clone(), &address)),
            function: api.function,
            state: api.state,
            reporter: api.reporter,
            phase,
            variables,
            log_stream,
            runtime: None,
            extensions: Vec::new(),
            supervisor: Arc::new(supervisor),
            _activity: context.begin_activity(),
        })
    }

    /// True after [`init`](Self::init), whether it succeeded or failed.
    pub(crate) fn is_started(&self) -> bool {
        self.runtime.is_some() || !self.extensions.is_empty()
    }

    /// True while no process has failed: the environment can receive a request.
    pub(crate) fn is_usable(&self) -> bool {
        self.state.borrow().failure().is_none()
    }

    /// Passes a request to the runtime and the extensions.
    pub(crate) fn dispatch(&self, request: Request) {
        self.state.change(|state| state.dispatch(request));
    }

    /// Waits for the runtime's response. A response counts even if the runtime ended after it.
    pub(crate) async fn response(&self, deadline: Instant) -> Result<RuntimeResponse, Failure> {
        let response = self.state.until(|state| match &state.response {
            Some(response) => Some(Ok(response.clone())),
            None => state.failure().map(Err),
        });
        let response = timeout_at(deadline, response)
            .await
            .unwrap_or(Err(Failure::Timeout));
        // The log tail, which the caller receives with the response, ends here.
        self.flush_runtime();
        self.update_peak_memory();
        response
    }

    /// Waits until `ready` returns true.
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
}

/// Serves the APIs until the task is aborted.
fn serve(listener: TcpListener, router: Router) -> AbortHandle {
    let server = tokio::spawn(async move {
        // Head and body of a response may be two packets: Nagle's algorithm would delay the second.
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        let _ = axum::serve(listener, router).await;
    });
    server.abort_handle()
}

/// `2026/01/10/[$LATEST]` and 32 hex digits.
fn new_log_stream() -> String {
    format!(
        "{}/[$LATEST]{}",
        clock::date_path(Timestamp::now()),
        uuid::Uuid::new_v4().simple()
    )
}

/// A port for the extension that listens for segments. Another program may take it before the
/// extension does.
fn free_udp_port() -> io::Result<u16> {
    Ok(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}
