//! The supervisor's process.

use std::io::{self, IoSliceMut, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::time::Duration;

use rustix::cmsg_space;
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use rustix::process::setsid;
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

use super::message::{Command, MESSAGE_BYTES};
use super::processes::{Children, Processes};

/// The first argument of a program that runs as a supervisor.
pub(super) const SUPERVISE: &str = "supervise-lambda-environment";

/// Runs as a supervisor and ends the program, if a sandbox has started it as one. Otherwise
/// returns at once.
///
/// A program that uses [`SupervisorCommand::this_program`](super::SupervisorCommand) calls it
/// first in `main`, before it starts threads.
pub fn supervise_if_asked() {
    if std::env::args_os()
        .nth(1)
        .is_some_and(|argument| argument == SUPERVISE)
    {
        supervise();
    }
}

/// Runs as a supervisor until the sandbox closes stdin, which is a Unix socket, and all
/// processes have ended. Then ends the program: with status 0, or with 1 and a message if no
/// sandbox started it.
pub fn supervise() -> ! {
    let status = match try_supervise() {
        Ok(()) => 0,
        Err(error) => {
            // `eprintln!` would panic if stderr is closed.
            let _ = writeln!(
                io::stderr(),
                "{SUPERVISE} is not a command for users ({error}): the sandbox starts it itself, \
                 for the processes of a function; --help lists the commands"
            );
            1
        }
    };
    std::process::exit(status)
}

fn try_supervise() -> io::Result<()> {
    let control = StdUnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    if control.peer_addr().is_err() {
        return Err(io::Error::other("its input is not a Unix socket"));
    }
    control.set_nonblocking(true)?;
    // In a session of its own, a terminal's Ctrl-C does not reach it, and no process from
    // outside can join the groups of its programs.
    let _ = setsid();
    #[cfg(target_os = "linux")]
    {
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
        // Not the program's own name, because `killall -9 xray-local` would then leave the
        // programs without a supervisor. At most 15 bytes (PR_SET_NAME, prctl(2)).
        let _ = rustix::thread::set_name(c"lambda-env");
    }
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let control = UnixStream::from_std(control)?;
            check_peer(&control)?;
            Server::new(control).run().await
        })
}

/// Only the parent may command the supervisor. On other systems than Linux only its socket
/// proves that: they name the last process that used the other end.
fn check_peer(control: &UnixStream) -> io::Result<()> {
    let parent = i32::try_from(std::os::unix::process::parent_id()).ok();
    if cfg!(target_os = "linux") && control.peer_cred()?.pid() != parent {
        return Err(io::Error::other("its input is not a socket of its parent"));
    }
    Ok(())
}

struct Server {
    control: UnixStream,
    received: Received,
    processes: Processes,
    /// If the last freeze has not stopped every process, the time to continue it.
    next_stop: Option<Instant>,
    freeze_retry_delay: Duration,
}

/// The part of the next command that has arrived.
#[derive(Default)]
struct Received {
    bytes: [u8; MESSAGE_BYTES],
    length: usize,
    descriptors: Vec<OwnedFd>,
}

/// The first and the longest pause before a freeze is tried again. The pause doubles each time. A
/// freeze may miss a process that starts others all the time, or is in an uninterruptible wait.
const FIRST_FREEZE_RETRY_DELAY: Duration = Duration::from_millis(1);
const MAX_FREEZE_RETRY_DELAY: Duration = Duration::from_millis(64);

impl Server {
    fn new(control: UnixStream) -> Self {
        Self {
            control,
            received: Received::default(),
            processes: Processes::default(),
            next_stop: None,
            freeze_retry_delay: FIRST_FREEZE_RETRY_DELAY,
        }
    }

    async fn run(mut self) -> io::Result<()> {
        let mut child_changed = signal(SignalKind::child())?;
        // The default action would end the supervisor, but not its programs.
        let _ignored = [
            signal(SignalKind::hangup())?,
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
        ];
        loop {
            let next_stop = self.next_stop;
            tokio::select! {
                command = self.command() => match command {
                    Some(command) => self.handle(command),
                    None => break,
                },
                _ = child_changed.recv() => { self.processes.reap(); }
                () = wait_until(next_stop) => self.freeze(),
            }
            self.send_reports();
        }
        // A process whose parent ends becomes a child of the supervisor. So every
        // process dies, even if a walk misses it: its parent's death starts another walk.
        loop {
            self.processes.kill_all();
            let children = self.processes.reap();
            self.send_reports();
            if children == Children::None {
                return Ok(());
            }
            child_changed.recv().await;
        }
    }

    /// Waits for the next command. `None` after the sandbox has closed the connection, and after
    /// an unknown command or a read error, which end the environment too. It is safe to drop the future: the part of a command that has arrived is kept.
    async fn command(&mut self) -> Option<Command> {
        loop {
            self.control.readable().await.ok()?;
            let received = &mut self.received;
            let read = self
                .control
                .try_io(Interest::READABLE, || received.read_from(&self.control));
            match read {
                Ok(0) => return None,
                Ok(_) if received.length == MESSAGE_BYTES => {
                    received.length = 0;
                    return Command::decode(received.bytes);
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return None,
            }
        }
    }

    fn handle(&mut self, command: Command) {
        match command {
            Command::Start { length } => {
                let descriptors = std::mem::take(&mut self.received.descriptors);
                self.processes.start(length, descriptors);
            }
            Command::Signal { program, signal } => self.processes.signal(program, signal),
            Command::Freeze => {
                self.freeze_retry_delay = FIRST_FREEZE_RETRY_DELAY;
                self.freeze();
            }
            Command::Thaw => {
                self.next_stop = None;
                self.processes.continue_all();
            }
        }
    }

    fn freeze(&mut self) {
        let is_frozen = self.processes.stop_all();
        self.next_stop = (!is_frozen).then(|| Instant::now() + self.freeze_retry_delay);
        self.freeze_retry_delay = MAX_FREEZE_RETRY_DELAY.min(2 * self.freeze_retry_delay);
    }

    fn send_reports(&mut self) {
        for report in self.processes.reports.drain(..) {
            // An error means that the sandbox has ended. The socket's buffer has space for
            // hundreds of reports.
            let _ = rustix::io::write(&self.control, &report.encode());
        }
    }
}

async fn wait_until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

impl Received {
    /// Reads at most the rest of one command. Returns the number of bytes, 0 at the end of the
    /// stream.
    fn read_from(&mut self, control: &UnixStream) -> io::Result<usize> {
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(3))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut rest = [IoSliceMut::new(&mut self.bytes[self.length..])];
        let read = recvmsg(control, &mut rest, &mut ancillary, RecvFlags::empty())?;
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                for descriptor in descriptors {
                    // Otherwise other programs would keep the pipes of this one open.
                    fcntl_setfd(&descriptor, FdFlags::CLOEXEC)?;
                    self.descriptors.push(descriptor);
                }
            }
        }
        self.length += read.bytes;
        Ok(read.bytes)
    }
}
