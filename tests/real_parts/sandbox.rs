//! A sandbox of `lambda-simulator` with the extension and a function.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use lambda_simulator::{
    FreezeMode, Invocation, InvocationState, InvocationStatus, ShutdownReason, Simulator,
};
use serde_json::Value;
use xray_document::TraceId;
use xray_lambda_tests::process::Process;
use xray_lambda_tests::{WAIT_TIMEOUT, artifact, port, process, python};

/// The timeout of each invocation.
pub(crate) const INVOCATION_TIMEOUT: Duration = Duration::from_secs(10);

/// The parent in the trace header of each invocation. In Lambda, it would be Lambda's own
/// segment.
pub(crate) const PARENT: &str = "0efbd19962d95b05";

/// A simulated sandbox: the simulator, the extension and a function.
pub(crate) struct Sandbox {
    simulator: Simulator,
    extension: Process,
    function: Process,
    /// The ids of all documents that the function has sent.
    sent: BTreeSet<String>,
    /// The trace id of each invocation.
    traces: Vec<TraceId>,
}

impl Sandbox {
    /// Starts a sandbox with a function without the wrapper, and with the extension, which
    /// sends to `x_ray`.
    pub(crate) async fn start(x_ray: &str) -> Self {
        Self::start_with(&artifact::plain_function(), x_ray).await
    }

    /// Starts a sandbox with the program `function`.
    pub(crate) async fn start_with(function: &Path, x_ray: &str) -> Self {
        let simulator = Simulator::builder()
            .function_name("orders")
            .region("eu-west-1")
            .invocation_timeout(INVOCATION_TIMEOUT)
            .extension_ready_timeout(INVOCATION_TIMEOUT)
            .freeze_mode(FreezeMode::Process)
            .build()
            .await
            .expect("the simulator");
        let daemon = port::daemon_address();
        let spawn = |name: &str, program: &Path| {
            let mut command = Command::new(program);
            command
                .env_clear()
                .envs(simulator.lambda_env_vars())
                .envs(python::client_environment());
            command.env_remove("LD_LIBRARY_PATH");
            command.env("AWS_ENDPOINT_URL_XRAY", x_ray);
            command.env("AWS_XRAY_DAEMON_ADDRESS", &daemon);
            let process = Process::spawn(name, command);
            simulator.register_freeze_pid(process.id());
            process
        };
        let extension = spawn("the extension", &artifact::extension());
        let is_waiting = || async {
            match simulator.get_registered_extensions().await.first() {
                Some(extension) => simulator.first_next_poll_at(&extension.id).await.is_some(),
                None => extension.has_ended(),
            }
        };
        let waiting = simulator.wait_for(is_waiting, WAIT_TIMEOUT).await;
        assert!(
            waiting.is_ok() && !extension.has_ended(),
            "the extension does not request its first event:\n{}",
            extension.log()
        );
        let function = spawn("the function", function);
        Self {
            simulator,
            extension,
            function,
            sent: BTreeSet::new(),
            traces: Vec::new(),
        }
    }

    /// Invokes the function and waits for its response, which must be a success.
    pub(crate) async fn invoke(&mut self, event: Value) {
        let state = self.run_invocation(event).await;
        assert_eq!(state.status, InvocationStatus::Success, "{}", self.log());
        let response = state.response.expect("a success has a response").payload;
        let sent = response["sent"].as_array().into_iter().flatten();
        self.sent
            .extend(sent.filter_map(Value::as_str).map(str::to_owned));
    }

    /// Invokes the function with an event that makes it fail.
    pub(crate) async fn invoke_failing(&mut self, event: Value) {
        let state = self.run_invocation(event).await;
        assert_eq!(state.status, InvocationStatus::Error, "{}", self.log());
    }

    async fn run_invocation(&mut self, event: Value) -> InvocationState {
        let trace = TraceId::random(now_seconds());
        self.traces.push(trace);
        let mut invocation = Invocation::new(event, millis(INVOCATION_TIMEOUT));
        invocation.trace_id = format!("Root={trace};Parent={PARENT};Sampled=1");
        let request = self.simulator.enqueue(invocation).await;
        let state = self
            .simulator
            .wait_for_invocation_complete(&request, WAIT_TIMEOUT)
            .await;
        state.unwrap_or_else(|error| panic!("{error}\n{}", self.log()))
    }

    /// Waits until the function and the extension have called `/next` and are frozen.
    pub(crate) async fn wait_until_frozen(&self) {
        let frozen = self.simulator.wait_for_frozen(WAIT_TIMEOUT).await;
        frozen.unwrap_or_else(|error| panic!("{error}\n{}", self.log()));
    }

    /// Ends the sandbox, and asserts that the extension exits within two seconds. Returns
    /// the ids of the documents that the function has sent.
    pub(crate) async fn shut_down(mut self) -> BTreeSet<String> {
        let start = Instant::now();
        let processes = [self.function.id(), self.extension.id()];
        // If the simulator processes the end of the last invocation after it has sent
        // SHUTDOWN, it freezes the processes again. Lambda never does this.
        let keep_thawed = async {
            loop {
                // An error means that the process has ended.
                let _ = processes.map(process::thaw);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let end = async {
            self.simulator
                .graceful_shutdown(ShutdownReason::Spindown)
                .await;
            self.extension.wait_for_exit().await
        };
        let status = tokio::select! {
            status = end => status,
            () = keep_thawed => unreachable!("an endless loop"),
        };
        assert!(
            start.elapsed() < Duration::from_secs(2),
            "SHUTDOWN took {:?}",
            start.elapsed()
        );
        assert!(status.success(), "{status}:\n{}", self.extension.log());
        self.sent
    }

    /// The ids of the documents that the function has sent so far.
    pub(crate) fn sent(&self) -> &BTreeSet<String> {
        &self.sent
    }

    /// The traces of the invocations so far.
    pub(crate) fn traces(&self) -> &[TraceId] {
        &self.traces
    }

    pub(crate) fn simulator(&self) -> &Simulator {
        &self.simulator
    }

    fn log(&self) -> String {
        format!(
            "function:\n{}extension:\n{}",
            self.function.log(),
            self.extension.log()
        )
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).expect("a timeout of seconds")
}

fn now_seconds() -> u32 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map_or(0, |now| u32::try_from(now.as_secs()).unwrap_or(u32::MAX))
}
