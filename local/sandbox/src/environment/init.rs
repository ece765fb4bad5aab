//! Init: the extensions start first, then the runtime. It ends when all of them wait in `/next`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};
use xray_document::Timestamp;

use super::Environment;
use crate::FunctionConfig;
use crate::platform::{InitReport, PlatformEvent};
use crate::process::{LineHandler, Process, Program};
use crate::state::{Failure, MAX_EXTENSIONS, State};

/// The time for a runtime to print and end after it reported an error of init.
const INIT_ERROR_GRACE: Duration = Duration::from_millis(100);

/// A managed runtime has a version and an ARN here; a local one has neither.
const RUNTIME_VERSION: &str = "provided:local";

impl Environment {
    /// Starts the processes and waits for them.
    ///
    /// # Errors
    /// A message, if an executable cannot start. Every other failure is in the report.
    pub(crate) async fn init(&mut self, deadline: Instant) -> Result<InitReport, String> {
        let start = Timestamp::now();
        self.reporter.emit(&PlatformEvent::InitStart {
            phase: self.phase,
            function: &self.function,
            log_stream: &self.log_stream,
            runtime_version: RUNTIME_VERSION,
        });
        self.start_extensions().await?;
        let mut result = self.wait(deadline, State::extensions_registered).await;
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
            // The runtime may still print the reason.
            let _ = timeout(INIT_ERROR_GRACE, runtime.ended()).await;
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

    async fn start_extensions(&mut self) -> Result<(), String> {
        let function = Arc::clone(&self.function);
        let extensions = extensions_by_name(&function)?;
        // The state knows every name before the first process starts. Otherwise the first
        // registration would complete "all have registered".
        self.state.change(|state| {
            for (name, _) in &extensions {
                state.extension_started(name);
            }
        });
        for (name, path) in extensions {
            let reporter = Arc::clone(&self.reporter);
            let lines: LineHandler = Arc::new(move |line| reporter.extension_line(line));
            let state = self.state.clone();
            let exited = name.clone();
            let program = Program {
                role: "extension",
                function: &function.name,
                executable: path,
                directory: Path::new("/"),
                variables: &self.variables.extension,
            };
            let process = Process::spawn(&self.supervisor, &program, lines, move |exit| {
                state.change(|state| state.extension_exited(&exited, exit));
            });
            self.extensions.push((name, process.await?));
        }
        Ok(())
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
        };
        // Before the process starts, because it may call the API at once.
        self.state.change(State::runtime_started);
        let process = Process::spawn(&self.supervisor, &program, lines, move |exit| {
            state.change(|state| state.runtime_exited(exit));
        });
        self.runtime = Some(process.await?);
        Ok(())
    }
}

/// The extensions in the order of their layers. A later layer overwrites the file of an earlier
/// one with the same name.
fn extensions_by_name(function: &FunctionConfig) -> Result<Vec<(String, &Path)>, String> {
    let mut extensions: Vec<(String, &Path)> = Vec::new();
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
        extensions.retain(|(known, _)| *known != name);
        extensions.push((name, path));
    }
    if extensions.len() > MAX_EXTENSIONS {
        return Err(format!(
            "function {} has {} extensions: Lambda runs at most {MAX_EXTENSIONS}",
            function.name,
            extensions.len()
        ));
    }
    Ok(extensions)
}
