//! The processes of an environment: start, output, signals, end.

mod exit;
mod output;
mod program;
mod supervisor;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::process::{Pid, Signal};
use tokio::sync::watch;
use tokio::task::AbortHandle;

pub(crate) use exit::Exit;
pub(crate) use output::LineHandler;
use output::Output;
pub(crate) use program::Program;
use supervisor::{ProgramNumber, StartedProgram};
pub(crate) use supervisor::{Supervisor, Supervisors};
pub use supervisor::{SupervisorCommand, supervise, supervise_if_asked};

/// A running process, the leader of its own process group. Dropping it kills the group.
#[derive(Debug)]
pub(crate) struct Process {
    supervisor: Arc<Supervisor>,
    number: ProgramNumber,
    pid: Pid,
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
        supervisor: &Arc<Supervisor>,
        program: &Program<'_>,
        lines: LineHandler,
        on_exit: impl FnOnce(Exit) + Send + 'static,
    ) -> Result<Self, String> {
        program.check()?;
        let (stdout, stdout_writer) =
            Output::new(Arc::clone(&lines)).map_err(|e| program.start_error(&e))?;
        let (stderr, stderr_writer) = Output::new(lines).map_err(|e| program.start_error(&e))?;
        let StartedProgram {
            number,
            pid,
            exit: ended,
        } = supervisor
            .start_program(program, stdout_writer, stderr_writer)
            .await
            .map_err(|e| program.start_error(&e))?;
        let outputs = vec![Arc::new(stdout), Arc::new(stderr)];
        let readers = outputs
            .iter()
            .map(|output| tokio::spawn(Arc::clone(output).read()).abort_handle())
            .collect();
        let (exited, exit) = watch::channel(None);
        let last_outputs = outputs.clone();
        tokio::spawn(async move {
            // An error means that the supervisor was killed.
            let ended = ended.await.unwrap_or(Exit::Signal(Signal::KILL.as_raw()));
            last_outputs.iter().for_each(|output| output.drain());
            on_exit(ended);
            exited.send_replace(Some(ended));
        });
        Ok(Self {
            supervisor: Arc::clone(supervisor),
            number,
            pid,
            exit,
            outputs,
            readers,
            peak_memory: AtomicU64::new(0),
        })
    }

    #[cfg(test)]
    pub(crate) fn id(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Sends a signal to the whole group, unless the process has ended.
    pub(crate) fn signal(&self, signal: Signal) {
        self.supervisor.signal(self.number, signal);
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
        if self.exit.borrow().is_some() {
            return None;
        }
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).ok()?;
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
        self.readers.iter().for_each(AbortHandle::abort);
    }
}

#[cfg(test)]
mod tests;
