//! Child processes that end together with their test.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::sync::watch;

use crate::WAIT_TIMEOUT;

/// A child process in its own process group. Its output is collected by line. Dropping the
/// value kills the group.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    output: watch::Receiver<Output>,
}

#[derive(Debug, Default)]
struct Output {
    lines: Vec<Line>,
    open: usize,
}

#[derive(Debug)]
struct Line {
    stream: Stream,
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stream {
    Stdout,
    Stderr,
}

impl Process {
    /// Starts `command`. Messages call it `name`.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn spawn(name: &str, mut command: Command) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.process_group(0);
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let (sender, output) = watch::channel(Output {
            lines: Vec::new(),
            open: 2,
        });
        let sender = Arc::new(sender);
        let stdout = child.stdout.take().expect("stdout is piped");
        let stderr = child.stderr.take().expect("stderr is piped");
        collect(Stream::Stdout, stdout, Arc::clone(&sender));
        collect(Stream::Stderr, stderr, sender);
        Self {
            name: name.to_owned(),
            child,
            output,
        }
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the first line of stdout or stderr that `matches` accepts. `expected`
    /// describes it in the failure message.
    ///
    /// # Panics
    /// If the process ends, or [`WAIT_TIMEOUT`] passes, without such a line.
    pub async fn wait_for_line(&self, expected: &str, matches: impl Fn(&str) -> bool) -> String {
        let mut output = self.output.clone();
        let find = |output: &Output| {
            output
                .lines
                .iter()
                .map(|line| &line.text)
                .find(|text| matches(text))
                .cloned()
        };
        let wait = output.wait_for(|output| find(output).is_some() || output.open == 0);
        let found = match tokio::time::timeout(WAIT_TIMEOUT, wait).await {
            Ok(Ok(output)) => find(&output),
            Ok(Err(_)) | Err(_) => None,
        };
        found.unwrap_or_else(|| {
            panic!(
                "{} did not print {expected}; its output:\n{}",
                self.name,
                self.log()
            )
        })
    }

    /// The output so far, of both streams.
    #[must_use]
    pub fn log(&self) -> String {
        self.text(|_| true)
    }

    /// The stdout so far.
    #[must_use]
    pub fn stdout(&self) -> String {
        self.text(|stream| stream == Stream::Stdout)
    }

    /// Returns `true` if the process has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.output.borrow().open == 0
    }

    /// Waits for the end of the process, without a limit.
    pub async fn wait_for_end(&self) {
        let mut output = self.output.clone();
        // An error means that the threads that read the output have ended, too.
        let _ = output.wait_for(|output| output.open == 0).await;
    }

    /// Waits for the end of the process and returns its status.
    ///
    /// # Panics
    /// If it runs for longer than [`WAIT_TIMEOUT`].
    pub async fn wait_for_exit(&mut self) -> ExitStatus {
        self.wait_for_exit_within(WAIT_TIMEOUT).await
    }

    /// Waits for the end of the process, which must be a success. Returns its stdout.
    ///
    /// # Panics
    /// If it fails, or runs for longer than [`WAIT_TIMEOUT`].
    pub async fn wait_for_success(self) -> String {
        self.wait_for_success_within(WAIT_TIMEOUT).await
    }

    /// Does the same as [`wait_for_success`](Self::wait_for_success), with another limit.
    ///
    /// # Panics
    /// If the process fails, or runs for longer than `limit`.
    pub async fn wait_for_success_within(mut self, limit: Duration) -> String {
        let status = self.wait_for_exit_within(limit).await;
        assert!(
            status.success(),
            "{} failed, {status}:\n{}",
            self.name,
            self.log()
        );
        self.stdout()
    }

    async fn wait_for_exit_within(&mut self, limit: Duration) -> ExitStatus {
        let ended = tokio::time::timeout(limit, self.wait_for_end()).await;
        assert!(
            ended.is_ok(),
            "{} does not end; its output:\n{}",
            self.name,
            self.log()
        );
        // Returns within microseconds, because both streams are closed.
        self.child
            .wait()
            .unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// Sends SIGTERM to the process.
    ///
    /// # Panics
    /// If it has ended already.
    pub fn terminate(&self) {
        terminate(self.id()).unwrap_or_else(|error| {
            panic!("{} has ended already ({error}):\n{}", self.name, self.log())
        });
    }

    fn text(&self, wanted: impl Fn(Stream) -> bool) -> String {
        let output = self.output.borrow();
        let lines = output.lines.iter().filter(|line| wanted(line.stream));
        lines.map(|line| format!("{}\n", line.text)).collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(group) = pid(self.id()) {
            // The group may have ended already.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

/// Sends SIGTERM to a process.
///
/// # Errors
/// The process does not exist.
pub fn terminate(id: u32) -> std::io::Result<()> {
    signal(id, Signal::TERM)
}

/// Sends SIGCONT to a process.
///
/// # Errors
/// The process does not exist.
pub fn thaw(id: u32) -> std::io::Result<()> {
    signal(id, Signal::CONT)
}

fn signal(id: u32, signal: Signal) -> std::io::Result<()> {
    let id = pid(id).ok_or(std::io::ErrorKind::InvalidInput)?;
    Ok(kill_process(id, signal)?)
}

fn pid(id: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(id).ok()?)
}

fn collect(stream: Stream, pipe: impl Read + Send + 'static, output: Arc<watch::Sender<Output>>) {
    std::thread::spawn(move || {
        let mut reader = BufReader::new(pipe);
        let mut bytes = Vec::new();
        while let Ok(1..) = reader.read_until(b'\n', &mut bytes) {
            let text = String::from_utf8_lossy(&bytes)
                .trim_end_matches('\n')
                .to_owned();
            output.send_modify(|output| output.lines.push(Line { stream, text }));
            bytes.clear();
        }
        output.send_modify(|output| output.open -= 1);
    });
}
