//! One process of an environment, the leader of a process group of its own.

mod detached;
mod output;
mod reaper;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};
use tokio::sync::watch;

pub(crate) use detached::DetachedProcesses;
pub(crate) use output::LineHandler;
use output::Output;
pub(crate) use reaper::Reaper;

/// A running process. Dropping it kills its whole group.
#[derive(Debug)]
pub(crate) struct Process {
    group: Pid,
    exit: watch::Receiver<Option<Exit>>,
    outputs: Vec<Arc<Output>>,
    readers: Vec<tokio::task::AbortHandle>,
    /// The last peak that was read, bytes: the kernel forgets it with the process.
    peak_memory: AtomicU64,
}

/// What to run.
#[derive(Debug)]
pub(crate) struct Program<'a> {
    /// `runtime` or `extension`, for sentences.
    pub(crate) role: &'static str,
    pub(crate) function: &'a str,
    pub(crate) executable: &'a Path,
    pub(crate) directory: &'a Path,
    /// All variables: nothing is inherited.
    pub(crate) variables: &'a BTreeMap<String, String>,
    pub(crate) reaper: Option<Reaper>,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Code(i32),
    Signal(i32),
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Code(code) => return write!(f, "exit status {code}"),
            Self::Signal(4) => "illegal instruction",
            Self::Signal(6) => "aborted",
            Self::Signal(7) => "bus error",
            Self::Signal(8) => "floating point exception",
            Self::Signal(9) => "killed",
            Self::Signal(11) => "segmentation fault",
            Self::Signal(15) => "terminated",
            Self::Signal(number) => return write!(f, "signal: {number}"),
        };
        write!(f, "signal: {name}")
    }
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(code),
            (None, signal) => Self::Signal(signal.unwrap_or_default()),
        }
    }
}

impl Process {
    /// Starts `program`. Its lines go to `lines`; `on_exit` runs after the last of them.
    ///
    /// # Errors
    /// A sentence that names the file and says what to do.
    pub(crate) async fn spawn(
        program: &Program<'_>,
        lines: LineHandler,
        on_exit: impl FnOnce(Exit) + Send + 'static,
    ) -> Result<Self, String> {
        program.check()?;
        let (stdout, stdout_end) =
            Output::new(Arc::clone(&lines)).map_err(|e| program.refused(&e))?;
        let (stderr, stderr_end) = Output::new(lines).map_err(|e| program.refused(&e))?;
        let mut command = Command::new(program.executable);
        command
            .env_clear()
            .envs(program.variables)
            .current_dir(program.directory)
            .stdin(Stdio::null())
            .stdout(stdout_end)
            .stderr(stderr_end)
            .process_group(0)
            .kill_on_drop(true);
        let mut child = start(&mut command)
            .await
            .map_err(|error| program.refused(&error))?;
        drop(command); // Ours are the reading ends alone.

        let group = child
            .id()
            .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let group =
            group.ok_or_else(|| program.refused(&io::Error::other("it has no process id")))?;
        let outputs = vec![Arc::new(stdout), Arc::new(stderr)];
        let readers: Vec<_> = outputs
            .iter()
            .map(|output| tokio::spawn(Arc::clone(output).read()))
            .collect();
        let readers = readers
            .into_iter()
            .map(|task| task.abort_handle())
            .collect();
        let (exited, exit) = watch::channel(None);
        let last_words = outputs.clone();
        let reaper = program.reaper.clone();
        reaper.iter().for_each(|reaper| reaper.add(group));
        tokio::spawn(async move {
            let ended = child.wait().await.map_or(Exit::Signal(0), Exit::from);
            // Lambda ends the whole sandbox; here, what the process left behind.
            let _ = kill_process_group(group, Signal::KILL);
            reaper.iter().for_each(|reaper| reaper.remove(group));
            last_words.iter().for_each(|output| output.drain());
            on_exit(ended);
            exited.send_replace(Some(ended));
        });
        Ok(Self {
            group,
            exit,
            outputs,
            readers,
            peak_memory: AtomicU64::new(0),
        })
    }

    pub(crate) fn group(&self) -> Pid {
        self.group
    }

    #[cfg(test)]
    pub(crate) fn id(&self) -> i32 {
        self.group.as_raw_nonzero().get()
    }

    /// SIGSTOP, SIGCONT, SIGTERM or SIGKILL to the whole group. A group that is gone
    /// needs no signal.
    pub(crate) fn signal(&self, signal: Signal) {
        if self.exit.borrow().is_none() {
            let _ = kill_process_group(self.group, signal);
        }
    }

    /// Returns once the process has ended and was reaped.
    pub(crate) async fn gone(&self) {
        // An error means that the watcher is gone, and with it the process.
        let _ = self.exit.clone().wait_for(Option::is_some).await;
    }

    /// Passes on every line that the process has written so far.
    pub(crate) fn drain(&self) {
        self.outputs.iter().for_each(|output| output.drain());
    }

    /// Passes on what the process has written so far, a line without its end, too.
    pub(crate) fn flush(&self) {
        self.outputs.iter().for_each(|output| output.flush());
    }

    /// The most memory that the process had, bytes; of one that has ended, as far as it
    /// is known. Linux only.
    pub(crate) fn peak_memory(&self) -> u64 {
        let peak = self.read_peak_memory().unwrap_or_default();
        self.peak_memory
            .fetch_max(peak, Ordering::Relaxed)
            .max(peak)
    }

    fn read_peak_memory(&self) -> Option<u64> {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.group.as_raw_nonzero()))
                .ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kilobytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
        Some(kilobytes * 1024)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        self.readers
            .iter()
            .for_each(tokio::task::AbortHandle::abort);
    }
}

/// A file that was just written is busy while any other thread is between fork and
/// exec with its handle; that passes in milliseconds.
async fn start(command: &mut Command) -> io::Result<Child> {
    let mut attempts = 0;
    loop {
        match command.spawn() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && attempts < 50 => {
                attempts += 1;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            result => return result,
        }
    }
}

impl Program<'_> {
    fn check(&self) -> Result<(), String> {
        let who = self.who();
        let metadata = std::fs::metadata(self.executable).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                format!("{who} does not exist: build it, or correct its path in the template")
            }
            _ => format!("{who} cannot be read ({error}): look at the permissions of its folders"),
        })?;
        if !metadata.is_file() {
            return Err(format!("{who} is not a file: name the executable itself"));
        }
        if metadata.permissions().mode() & 0o111 == 0 {
            let path = self.executable.display();
            return Err(format!("{who} is not executable: run `chmod +x {path}`"));
        }
        if !self.directory.is_dir() {
            let directory = self.directory.display();
            return Err(format!(
                "the code folder {directory} of function {} does not exist: build it, or correct CodeUri in the template",
                self.function
            ));
        }
        Ok(())
    }

    fn refused(&self, error: &io::Error) -> String {
        let who = self.who();
        const ENOEXEC: i32 = 8;
        if error.raw_os_error() == Some(ENOEXEC) {
            return format!(
                "{who} is not a program for this machine: build it for {} Linux, or begin a script with a line like `#!/usr/bin/env python3`",
                std::env::consts::ARCH
            );
        }
        match (error.kind(), interpreter(self.executable)) {
            (io::ErrorKind::NotFound, Some(interpreter)) => format!(
                "{who} cannot start, because its interpreter {} does not exist: correct its first line",
                interpreter.display()
            ),
            (io::ErrorKind::NotFound, None) if !self.executable.is_file() => {
                format!(
                    "{who} cannot start, because the file does not exist: build it, or correct its path"
                )
            }
            (io::ErrorKind::NotFound, None) => format!(
                "{who} cannot start, because the loader it was linked for is missing: build it for this machine's C library"
            ),
            _ => format!("{who} cannot start ({error})"),
        }
    }

    fn who(&self) -> String {
        format!(
            "the {} {} of function {}",
            self.role,
            self.executable.display(),
            self.function
        )
    }
}

/// What the `#!` line of a script names.
fn interpreter(executable: &Path) -> Option<PathBuf> {
    use std::io::Read;
    let mut head = Vec::new();
    std::fs::File::open(executable)
        .ok()?
        .take(256)
        .read_to_end(&mut head)
        .ok()?;
    let line = head
        .strip_prefix(b"#!")?
        .split(|&byte| byte == b'\n')
        .next()?;
    let line = String::from_utf8_lossy(line);
    line.split_whitespace().next().map(PathBuf::from)
}

#[cfg(test)]
mod tests;
