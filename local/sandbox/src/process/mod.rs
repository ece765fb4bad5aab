//! One process of an environment, the leader of a process group of its own.

mod detached;
mod exit;
mod output;
mod program;
mod reaper;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::sync::watch;

pub(crate) use detached::DetachedProcesses;
pub(crate) use exit::Exit;
pub(crate) use output::LineHandler;
use output::Output;
pub(crate) use program::Program;
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
        let mut child = program.start(stdout_end, stderr_end).await?;
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

#[cfg(test)]
mod tests;
