//! Processes that end with the test that started them.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::sync::watch;

use crate::WAIT_TIMEOUT;

/// A process in a group of its own, with its output collected line by line. Dropping
/// it kills the group.
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
    /// Starts `command`; `name` is what failures call it.
    ///
    /// # Panics
    /// Where it cannot be started.
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

    /// The id, as the system knows it.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The first line, of either stream, that `wanted` takes, as soon as it is there.
    ///
    /// # Panics
    /// Where the process ends, or [`WAIT_TIMEOUT`] does, without such a line.
    pub async fn wait_for_line(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let mut output = self.output.clone();
        let find = |output: &Output| {
            output
                .lines
                .iter()
                .map(|line| &line.text)
                .find(|text| wanted(text))
                .cloned()
        };
        let wait = output.wait_for(|output| find(output).is_some() || output.open == 0);
        let found = match tokio::time::timeout(WAIT_TIMEOUT, wait).await {
            Ok(Ok(output)) => find(&output),
            Ok(Err(_)) | Err(_) => None,
        };
        found.unwrap_or_else(|| panic!("{} never said {what}; it said:\n{}", self.name, self.log()))
    }

    /// All that it has said so far, on both streams.
    #[must_use]
    pub fn log(&self) -> String {
        self.text(|_| true)
    }

    /// What it has written to stdout so far.
    #[must_use]
    pub fn stdout(&self) -> String {
        self.text(|stream| stream == Stream::Stdout)
    }

    /// Whether it has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.output.borrow().open == 0
    }

    /// Returns once it has ended; waits for ever where it does not.
    pub async fn wait_for_end(&self) {
        let mut output = self.output.clone();
        // An error means that the streams' readers are gone, which is an end as well.
        let _ = output.wait_for(|output| output.open == 0).await;
    }

    /// Waits for the end.
    ///
    /// # Panics
    /// Where it goes on for longer than [`WAIT_TIMEOUT`].
    pub async fn wait_for_exit(&mut self) -> ExitStatus {
        self.wait_for_exit_within(WAIT_TIMEOUT).await
    }

    /// Waits for the end, which must be a success, and gives its stdout.
    ///
    /// # Panics
    /// Where it fails, or goes on for longer than [`WAIT_TIMEOUT`].
    pub async fn wait_for_success(self) -> String {
        self.wait_for_success_within(WAIT_TIMEOUT).await
    }

    /// [`wait_for_success`](Self::wait_for_success), for what may take longer.
    ///
    /// # Panics
    /// Where it fails, or goes on for longer than `limit`.
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
            "{} does not end; it said:\n{}",
            self.name,
            self.log()
        );
        // Both streams are closed, so this is a matter of microseconds.
        self.child
            .wait()
            .unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// Asks the process to end, as a service manager does.
    ///
    /// # Panics
    /// Where it has ended already.
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
            // The group may be gone: that is what is wanted.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

/// Sends SIGTERM to a process.
///
/// # Errors
/// Where there is none.
pub fn terminate(id: u32) -> std::io::Result<()> {
    signal(id, Signal::TERM)
}

/// Sends SIGCONT to a process.
///
/// # Errors
/// Where there is none.
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
