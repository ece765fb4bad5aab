use std::ffi::OsString;
use std::io::{self, IoSlice, PipeReader, PipeWriter, Write};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::cmsg_space;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::process::{Pid, Signal};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio::process::Child;
use tokio::sync::{oneshot, watch};

use super::message::{Command, Description, MESSAGE_BYTES, ProgramNumber, Report};
use super::server::SUPERVISE;
use crate::process::{Exit, Program};

/// The program that the sandbox starts as the supervisor of each environment.
///
/// The supervisor is the parent of an environment's processes. It freezes and ends them, and on
/// Linux also those that became daemons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SupervisorCommand {
    /// A program that calls [`supervise`](super::supervise).
    pub executable: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
}

impl SupervisorCommand {
    /// The running program itself. Its `main` must call
    /// [`supervise_if_asked`](super::supervise_if_asked) first.
    pub fn this_program() -> Self {
        // Linux finds the program there even after a new build has replaced its file.
        let link = PathBuf::from("/proc/self/exe");
        let executable = if link.exists() {
            link
        } else {
            // Without a path, the start fails and says so.
            std::env::current_exe().unwrap_or_default()
        };
        Self {
            executable,
            arguments: vec![SUPERVISE.into()],
        }
    }
}

/// The connection to the supervisor of one environment. When it is dropped, the supervisor
/// kills every process of the environment.
#[derive(Debug)]
pub(crate) struct Supervisor {
    control: UnixStream,
    programs: Arc<Programs>,
    /// True after the supervisor has ended. It ends after every process of the environment.
    ended: watch::Receiver<bool>,
}

/// A program that the supervisor has started.
#[derive(Debug)]
pub(crate) struct StartedProgram {
    pub(crate) number: ProgramNumber,
    pub(crate) pid: Pid,
    /// Fails if the supervisor ended before the program.
    pub(crate) exit: oneshot::Receiver<Exit>,
}

impl Supervisor {
    /// # Errors
    /// The supervisor's program cannot start.
    pub(crate) fn start(command: &SupervisorCommand) -> io::Result<Self> {
        let (control, other_end) = UnixStream::pair()?;
        control.set_nonblocking(true)?;
        let reports = tokio::net::UnixStream::from_std(control.try_clone()?)?;
        let child = tokio::process::Command::new(&command.executable)
            // Without it, `ps` would show the path of the executable, /proc/self/exe.
            .arg0("lambda-supervisor")
            .args(&command.arguments)
            .env_clear()
            .stdin(OwnedFd::from(other_end))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let programs = Arc::<Programs>::default();
        let (ended_sender, ended) = watch::channel(false);
        tokio::spawn(receive_reports(
            reports,
            child,
            Arc::clone(&programs),
            ended_sender,
        ));
        Ok(Self {
            control,
            programs,
            ended,
        })
    }

    /// Starts a program as the leader of a process group. The writing ends of the pipes stay
    /// open only in the program.
    ///
    /// # Errors
    /// The error of the start, or of the connection to the supervisor.
    pub(crate) async fn start_program(
        &self,
        program: &Program<'_>,
        stdout: PipeWriter,
        stderr: PipeWriter,
    ) -> io::Result<StartedProgram> {
        let variables = program.variables.iter();
        let description = Description::encode(
            program.executable,
            program.directory,
            variables.map(|(name, value)| (name.as_ref(), value.as_ref())),
        )?;
        let (reader, writer) = io::pipe()?;
        let mut writer = pipe::Sender::from_owned_fd(writer.into())?;
        let (number, started, exit) = self.programs.add(|| {
            let length = u32::try_from(description.len()).map_err(io::Error::other)?;
            self.send_start(length, &stdout, &stderr, &reader)
        })?;
        drop((stdout, stderr, reader));
        // If the supervisor does not read, it reports the reason.
        let _ = writer.write_all(&description).await;
        drop(writer);
        let pid = started
            .await
            .map_err(|_| io::Error::other("its supervisor has ended"))??;
        Ok(StartedProgram { number, pid, exit })
    }

    /// Signals the process group of a program, unless the program has ended.
    pub(crate) fn signal(&self, program: ProgramNumber, signal: Signal) {
        self.send(Command::Signal { program, signal });
    }

    /// Stops every process of the environment.
    pub(crate) fn freeze(&self) {
        self.send(Command::Freeze);
    }

    /// Continues every process of the environment.
    pub(crate) fn thaw(&self) {
        self.send(Command::Thaw);
    }

    /// Kills every process of the environment and ends the supervisor.
    pub(crate) fn close(&self) {
        // Closing is not enough, because the task that receives the reports has the socket, too.
        let _ = self.control.shutdown(Shutdown::Write);
    }

    pub(super) fn has_ended(&self) -> bool {
        *self.ended.borrow()
    }

    /// Waits until the supervisor has ended. It ends after every process of the environment.
    pub(crate) async fn ended(&self) {
        // An error means that the task which waits for the supervisor has ended.
        let _ = self.ended.clone().wait_for(|ended| *ended).await;
    }

    fn send(&self, command: Command) {
        // An error means that the supervisor has ended. The call does not block: the socket's
        // buffer has space for hundreds of commands.
        let _ = (&self.control).write_all(&command.encode());
    }

    fn send_start(
        &self,
        length: u32,
        stdout: &PipeWriter,
        stderr: &PipeWriter,
        description: &PipeReader,
    ) -> io::Result<()> {
        let descriptors = [stdout.as_fd(), stderr.as_fd(), description.as_fd()];
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(3))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
        let message = Command::Start { length }.encode();
        let message = [IoSlice::new(&message)];
        sendmsg(&self.control, &message, &mut ancillary, SendFlags::empty())?;
        Ok(())
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.close();
    }
}

/// The programs whose start was requested, by their numbers.
#[derive(Debug, Default)]
struct Programs(Mutex<Vec<Waiting>>);

/// The receivers of a program's reports.
#[derive(Debug)]
struct Waiting {
    started: Option<oneshot::Sender<io::Result<Pid>>>,
    exit: Option<oneshot::Sender<Exit>>,
}

impl Programs {
    /// Adds a program whose start `send` requests.
    fn add(
        &self,
        send: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<(
        ProgramNumber,
        oneshot::Receiver<io::Result<Pid>>,
        oneshot::Receiver<Exit>,
    )> {
        let (started, started_receiver) = oneshot::channel();
        let (exit, exit_receiver) = oneshot::channel();
        let mut programs = self.lock();
        // Under the lock, because the order of the requests gives the programs their numbers.
        send()?;
        let number = ProgramNumber::try_from(programs.len()).map_err(io::Error::other)?;
        programs.push(Waiting {
            started: Some(started),
            exit: Some(exit),
        });
        Ok((number, started_receiver, exit_receiver))
    }

    fn handle(&self, report: Report) {
        let (Report::Started { program, .. }
        | Report::NotStarted { program, .. }
        | Report::Ended { program, .. }) = report;
        let mut programs = self.lock();
        let Some(waiting) = programs.get_mut(program as usize) else {
            return;
        };
        // A receiver that is gone does not need the report.
        match report {
            Report::Started { pid, .. } => {
                let pid = Pid::from_raw(pid).ok_or_else(|| io::Error::other("it has no id"));
                let _ = waiting.started.take().map(|started| started.send(pid));
            }
            Report::NotStarted { errno, .. } => {
                let error = Err(io::Error::from_raw_os_error(errno));
                let _ = waiting.started.take().map(|started| started.send(error));
            }
            Report::Ended { exit, .. } => {
                let _ = waiting.exit.take().map(|sender| sender.send(exit));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn receive_reports(
    mut reports: tokio::net::UnixStream,
    mut supervisor: Child,
    programs: Arc<Programs>,
    ended: watch::Sender<bool>,
) {
    let mut message = [0; MESSAGE_BYTES];
    while reports.read_exact(&mut message).await.is_ok() {
        if let Some(report) = Report::decode(message) {
            programs.handle(report);
        }
    }
    let _ = supervisor.wait().await;
    // Fails every start and every exit that was not reported.
    programs.lock().clear();
    ended.send_replace(true);
}
