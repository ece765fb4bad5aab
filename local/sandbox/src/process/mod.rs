//! The processes of an environment: start, output, signals, end.

mod detached;
mod exit;
mod output;
mod program;
mod reaper;
#[allow(
    dead_code,
    unused_imports,
    reason = "the environments do not use it yet"
)]
mod supervisor;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::AbortHandle;

pub(crate) use detached::DetachedProcesses;
pub(crate) use exit::Exit;
pub(crate) use output::LineHandler;
use output::Output;
pub(crate) use program::Program;
pub(crate) use reaper::Reaper;
pub use supervisor::{SupervisorCommand, supervise, supervise_if_asked};

/// A running process, the leader of its own process group. Dropping it kills the group.
#[derive(Debug)]
pub(crate) struct Process {
    group: Pid,
    exit: watch::Receiver<Option<Exit>>,
    /// stdout and stderr
    outputs: Vec<Arc<Output>>,
    readers: Vec<AbortHandle>,
    /// The last known peak, in bytes. The kernel forgets the peak when the process ends.
    peak_memory: AtomicU64,
}

impl Process {
    /// Starts `program`. `lines` receives each line of its output; `on_exit` runs after the
    /// last one.
    ///
    /// # Errors
    /// A message that names the file and the next step.
    pub(crate) async fn spawn(
        program: &Program<'_>,
        lines: LineHandler,
        on_exit: impl FnOnce(Exit) + Send + 'static,
    ) -> Result<Self, String> {
        program.check()?;
        let (stdout, stdout_writer) =
            Output::new(Arc::clone(&lines)).map_err(|e| program.start_error(&e))?;
        let (stderr, stderr_writer) = Output::new(lines).map_err(|e| program.start_error(&e))?;
        let mut child = program.start(stdout_writer, stderr_writer).await?;
        let group = child
            .id()
            .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?))
            .ok_or_else(|| program.start_error(&io::Error::other("it has no process id")))?;
        let outputs = vec![Arc::new(stdout), Arc::new(stderr)];
        let readers = outputs
            .iter()
            .map(|output| tokio::spawn(Arc::clone(output).read()).abort_handle())
            .collect();
        let (exited, exit) = watch::channel(None);
        let last_outputs = outputs.clone();
        let reaper = program.reaper.clone();
        reaper.iter().for_each(|reaper| reaper.add(group));
        tokio::spawn(async move {
            exited_unreaped(group).await;
            // Lambda ends the whole environment with the process. Here its children end. The
            // process is not reaped yet, so no other group can have its id.
            let _ = kill_process_group(group, Signal::KILL);
            let ended = child.wait().await.map_or(Exit::Signal(0), Exit::from);
            reaper.iter().for_each(|reaper| reaper.remove(group));
            last_outputs.iter().for_each(|output| output.drain());
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

    /// Sends a signal to the whole group, unless the process has ended.
    pub(crate) fn signal(&self, signal: Signal) {
        if self.exit.borrow().is_none() {
            let _ = kill_process_group(self.group, signal);
        }
    }

    /// Waits until the process has ended and was reaped.
    pub(crate) async fn ended(&self) {
        // An error means that the watcher task ended, and the process before it.
        let _ = self.exit.clone().wait_for(Option::is_some).await;
    }

    /// Passes on every complete line that the process has written so far.
    pub(crate) fn drain(&self) {
        self.outputs.iter().for_each(|output| output.drain());
    }

    /// Passes on everything that the process has written so far, including a line without
    /// its end.
    pub(crate) fn flush(&self) {
        self.outputs.iter().for_each(|output| output.flush());
    }

    /// The peak of the process's memory, in bytes; after its end, the last known peak.
    /// 0 on systems without `/proc`.
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

/// Waits until the child has ended, and does not reap it.
async fn exited_unreaped(child: Pid) {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    // Without the signal's handler, the caller reaps the child first.
    let Ok(mut child_ended) = signal(SignalKind::child()) else {
        return;
    };
    while let Ok(None) = waitid(WaitId::Pid(child), options) {
        child_ended.recv().await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        self.readers.iter().for_each(AbortHandle::abort);
    }
}

#[cfg(test)]
mod tests;
