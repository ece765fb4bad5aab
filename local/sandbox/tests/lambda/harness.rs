use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use xray_document::Document;
use xray_local_sandbox::{
    FunctionConfig, Invocation, InvokeError, InvokeOutcome, LogSink, LogSource, Sandbox,
    SandboxConfig, SegmentSink, SupervisorCommand, TracingMode, supervise,
};

/// Makes [`the_supervisor_of_the_other_tests`] a supervisor.
const AS_SUPERVISOR: &str = "run-as-supervisor";

/// This test program itself, which runs only one test.
fn supervisor() -> SupervisorCommand {
    let arguments = [
        "harness::the_supervisor_of_the_other_tests",
        "--exact",
        "--nocapture",
        "--skip",
        AS_SUPERVISOR,
    ];
    SupervisorCommand {
        executable: std::env::current_exe().unwrap(),
        arguments: arguments.map(Into::into).to_vec(),
    }
}

#[test]
fn the_supervisor_of_the_other_tests() {
    if std::env::args().any(|argument| argument == AS_SUPERVISOR) {
        supervise();
    }
}

/// A sandbox with a temporary folder. It records the log and the segments.
pub(crate) struct TestLambda {
    pub(crate) sandbox: Sandbox,
    sinks: Arc<RecordingSinks>,
    folder: TempDir,
}

#[derive(Default)]
struct RecordingSinks {
    documents: Mutex<Vec<Document>>,
    lines: Mutex<Vec<(LogSource, String)>>,
}

impl SegmentSink for RecordingSinks {
    fn put(&self, documents: Vec<Document>) {
        self.documents.lock().unwrap().extend(documents);
    }
}

impl LogSink for RecordingSinks {
    fn line(&self, _function: &str, source: LogSource, line: &str) {
        self.lines.lock().unwrap().push((source, line.to_owned()));
    }
}

impl TestLambda {
    pub(crate) fn new() -> Self {
        Self::with(SandboxConfig::default())
    }

    pub(crate) fn with(config: SandboxConfig) -> Self {
        let config = SandboxConfig {
            supervisor: Some(supervisor()),
            ..config
        };
        let sinks = Arc::new(RecordingSinks::default());
        let sandbox = Sandbox::new(config, sinks.clone(), sinks.clone());
        Self {
            sandbox,
            sinks,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// The function `orders` with the test runtime. The caller adds it to the sandbox. Its
    /// timeout is long, because the machine may be busy.
    pub(crate) fn function(&self) -> FunctionConfig {
        let marker = self.path("marker").display().to_string();
        FunctionConfig {
            name: "orders".to_owned(),
            region: "eu-west-1".to_owned(),
            account_id: "123456789012".to_owned(),
            handler: "app.handler".to_owned(),
            task_root: self.folder.path().to_owned(),
            bootstrap: self.script("bootstrap", include_str!("runtime.py")),
            extensions: Vec::new(),
            timeout: Duration::from_secs(30),
            memory_mb: 128,
            tracing: TracingMode::Active,
            environment: BTreeMap::from([("MARKER".to_owned(), marker)]),
        }
    }

    /// Like [`function`](Self::function), with the test extension and its settings.
    pub(crate) fn function_with_extension(&self, mut settings: Value) -> FunctionConfig {
        let mut function = self.function();
        settings["notes"] = self.path("notes").display().to_string().into();
        function
            .environment
            .insert("EXTENSION".to_owned(), settings.to_string());
        function.extensions = vec![self.script("watcher", include_str!("extension.py"))];
        function
    }

    pub(crate) async fn try_invoke(&self, event: Value) -> Result<InvokeOutcome, InvokeError> {
        let payload = event.to_string().into();
        self.sandbox
            .invoke(
                "orders",
                Invocation {
                    payload,
                    ..Invocation::default()
                },
            )
            .await
    }

    pub(crate) async fn outcome(&self, event: Value) -> InvokeOutcome {
        self.try_invoke(event).await.unwrap()
    }

    /// The function's response, which is JSON.
    pub(crate) async fn invoke(&self, event: Value) -> Value {
        let outcome = self.outcome(event).await;
        assert_eq!(outcome.function_error, None, "{:?}", outcome.payload);
        serde_json::from_slice(&outcome.payload).unwrap()
    }

    pub(crate) async fn echo(&self) -> Value {
        self.invoke(json!({})).await
    }

    pub(crate) fn lines(&self, source: LogSource) -> Vec<String> {
        let lines = self.sinks.lines.lock().unwrap();
        lines
            .iter()
            .filter(|(writer, _)| *writer == source)
            .map(|(_, line)| line.clone())
            .collect()
    }

    pub(crate) fn platform_line(&self, begins: &str) -> Option<String> {
        self.lines(LogSource::Platform)
            .into_iter()
            .find(|line| line.starts_with(begins))
    }

    /// Waits until the log has `count` REPORT lines.
    pub(crate) async fn wait_for_reports(&self, count: usize) {
        until("REPORT", || {
            let lines = self.lines(LogSource::Platform);
            (lines
                .iter()
                .filter(|line| line.starts_with("REPORT"))
                .count()
                >= count)
                .then_some(())
        })
        .await;
    }

    /// The notes of one kind that the extension has written so far.
    pub(crate) fn notes(&self, kind: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.path("notes")).unwrap_or_default();
        // The last line may be half written.
        let notes = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        notes
            .filter(|note| note["kind"] == kind)
            .map(|note| note["what"].clone())
            .collect()
    }

    pub(crate) fn note_pid(&self) -> i64 {
        let text = std::fs::read_to_string(self.path("notes")).unwrap();
        serde_json::from_str::<Value>(text.lines().next().unwrap()).unwrap()["pid"]
            .as_i64()
            .unwrap()
    }

    /// Waits for the first telemetry event of a type.
    pub(crate) async fn telemetry(&self, kind: &str) -> Value {
        until(kind, || {
            self.notes("telemetry")
                .into_iter()
                .find(|event| event["type"] == kind)
        })
        .await
    }

    /// The complete segments so far, without those in progress.
    pub(crate) fn finished_segments(&self) -> Vec<Value> {
        let documents = self.sinks.documents.lock().unwrap();
        let json = documents.iter().map(|document| document.to_json().unwrap());
        let values = json.map(|json| serde_json::from_str::<Value>(&json).unwrap());
        values
            .filter(|segment| segment.get("end_time").is_some())
            .collect()
    }

    /// Waits for `count` complete segments of an origin.
    pub(crate) async fn segments_of(&self, origin: &str, count: usize) -> Vec<Value> {
        until(origin, || {
            let segments: Vec<_> = self
                .finished_segments()
                .into_iter()
                .filter(|s| s["origin"] == origin)
                .collect();
            (segments.len() >= count).then_some(segments)
        })
        .await
    }
}

/// Waits until `found` returns a value; for a minute, because the machine may be slow.
pub(crate) async fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(
            Instant::now() < deadline,
            "{what} did not come within a minute"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The state in `/proc/<pid>/stat`: `R`, `S`, `T`, … `None` if the process has ended.
pub(crate) fn process_state(pid: i64) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(')').next()?.trim_start().chars().next()
}
