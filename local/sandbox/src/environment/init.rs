//! Init: extensions first, then the runtime, until all wait in `/next`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};
use xray_document::Timestamp;

use super::Environment;
use crate::platform::{InitReport, PlatformEvent};
use crate::process::{LineHandler, Process, Program};
use crate::state::{Failure, MAX_EXTENSIONS, State};

/// How long a runtime that reported an error of init may go on before it is killed.
const INIT_ERROR_GRACE: Duration = Duration::from_millis(100);

/// What stands in place of a managed runtime's version: there is none on the desk.
const RUNTIME_VERSION: &str = "provided:local";

impl Environment {
    /// Starts the processes and waits for them.
    ///
    /// # Errors
    /// A sentence, where an executable cannot be started at all.
    pub(crate) async fn init(&mut self, deadline: Instant) -> Result<InitReport, String> {
        let start = Timestamp::now();
        self.reporter.emit(&PlatformEvent::InitStart {
            phase: self.phase,
            function: &self.function,
            log_stream: &self.log_stream,
            runtime_version: RUNTIME_VERSION,
        });
        let mut result = self.extension_init(deadline).await?;
        if result.is_ok() {
            self.start_runtime().await?;
            result = self.wait(deadline, State::runtime_ready).await;
        }
        self.reporter.emit(&PlatformEvent::InitRuntimeDone {
            phase: self.phase,
            failure: result.as_ref().err(),
        });
        if result.is_ok() {
            result = self.wait(deadline, State::all_ready).await;
        }

        let duration = Timestamp::now().since(start);
        if let (Err(Failure::RuntimeInit { .. }), Some(runtime)) = (&result, &self.runtime) {
            // It told why and has not ended yet: it may have more to say.
            let _ = timeout(INIT_ERROR_GRACE, runtime.gone()).await;
        }
        self.flush();
        let report = InitReport {
            phase: self.phase,
            start,
            duration,
            failure: result.err(),
        };
        self.reporter.emit(&PlatformEvent::InitReport(&report));
        if report.failure.is_none() {
            self.state.change(State::init_done);
        }
        self.reporter.telemetry.close();
        self.update_peak_memory();
        Ok(report)
    }

    /// Starts every extension and waits until each has registered.
    async fn extension_init(&mut self, deadline: Instant) -> Result<Result<(), Failure>, String> {
        let function = Arc::clone(&self.function);
        let mut named: Vec<(String, &Path)> = Vec::new();
        for path in &function.extensions {
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned());
            let name = name.ok_or_else(|| {
                format!(
                    "the extension {} of function {} is not a file",
                    path.display(),
                    function.name
                )
            })?;
            // A later layer overwrites the file of an earlier one.
            named.retain(|(known, _)| *known != name);
            named.push((name, path));
        }
        if named.len() > MAX_EXTENSIONS {
            return Err(format!(
                "function {} has {} extensions: Lambda runs at most {MAX_EXTENSIONS}",
                function.name,
                named.len()
            ));
        }
        // All names before the first process, or "all have registered" would hold too early.
        self.state.change(|state| {
            for (name, _) in &named {
                state.extension_started(name);
            }
        });
        for (name, path) in named {
            let reporter = Arc::clone(&self.reporter);
            let lines: LineHandler = Arc::new(move |line| reporter.extension_line(line));
            let state = self.state.clone();
            let known = name.clone();
            let program = Program {
                role: "extension",
                function: &function.name,
                executable: path,
                directory: Path::new("/"),
                variables: &self.variables.extension,
                reaper: self.reaper.clone(),
            };
            let process = Process::spawn(&program, lines, move |exit| {
                state.change(|state| state.extension_exited(&known, exit));
            });
            self.extensions.push((name, process.await?));
        }
        Ok(self.wait(deadline, State::extensions_registered).await)
    }

    async fn start_runtime(&mut self) -> Result<(), String> {
        let function = Arc::clone(&self.function);
        let reporter = Arc::clone(&self.reporter);
        let lines: LineHandler = Arc::new(move |line| reporter.function_line(line));
        let state = self.state.clone();
        let program = Program {
            role: "runtime",
            function: &function.name,
            executable: &function.bootstrap,
            directory: &function.task_root,
            variables: &self.variables.runtime,
            reaper: self.reaper.clone(),
        };
        // Before the process, which may call at once.
        self.state.change(State::runtime_started);
        let process = Process::spawn(&program, lines, move |exit| {
            state.change(|state| state.runtime_exited(exit));
        });
        self.runtime = Some(process.await?);
        Ok(())
    }
}
