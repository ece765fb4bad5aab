use std::collections::HashSet;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitOptions, kill_process_group, wait, waitid, waitpid,
};

use super::descendants::{self, Descendant, State};
use super::message::{Description, ProgramNumber, Report};
use crate::process::Exit;

/// The processes of an environment. Only the supervisor's only thread uses it: while it sends
/// signals, no child is reaped, and no id of a child becomes free.
#[derive(Debug, Default)]
pub(super) struct Processes {
    /// By number. `None` after the program has ended or if it did not start.
    programs: Vec<Option<Pid>>,
    /// True if the last freeze stopped processes outside of the programs' groups.
    has_frozen_detached: bool,
    /// The reports that the sandbox has not received.
    pub(super) reports: Vec<Report>,
}

/// Walks over all processes in one attempt to stop them.
const MAX_WALKS: usize = 16;

/// Retries of the start while the executable is busy: for half a second.
const MAX_SPAWN_RETRIES: u32 = 50;
const SPAWN_RETRY_DELAY: Duration = Duration::from_millis(10);

impl Processes {
    /// Starts the next program and reports it.
    pub(super) fn start(&mut self, length: u32, descriptors: Vec<OwnedFd>) {
        let started = start_program(length, descriptors);
        let program = self.next_number();
        self.programs.push(started.as_ref().ok().copied());
        self.reports.push(match started {
            Ok(pid) => Report::Started {
                program,
                pid: pid.as_raw_nonzero().get(),
            },
            Err(error) => Report::NotStarted {
                program,
                errno: error
                    .raw_os_error()
                    .unwrap_or(rustix::io::Errno::INVAL.raw_os_error()),
            },
        });
    }

    /// Signals the group of a program, unless the program was reaped.
    pub(super) fn signal(&self, program: ProgramNumber, signal: Signal) {
        if let Some(Some(group)) = self.programs.get(program as usize) {
            let _ = kill_process_group(*group, signal);
        }
    }

    /// Returns false if a process still runs, or may have started others.
    pub(super) fn stop_all(&mut self) -> bool {
        self.signal_programs(Signal::STOP);
        self.stop_detached()
    }

    pub(super) fn continue_all(&mut self) {
        // The walk comes first: a process that continues and ends leaves its children to the
        // supervisor, and the walk may miss them.
        let detached = if std::mem::take(&mut self.has_frozen_detached) {
            self.detached()
        } else {
            Vec::new()
        };
        self.signal_programs(Signal::CONT);
        for process in detached {
            process.signal(Signal::CONT);
        }
    }

    pub(super) fn kill_all(&mut self) {
        // Stopped processes start no others.
        self.stop_all();
        self.signal_programs(Signal::KILL);
        self.kill_detached();
    }

    /// Signals the group of each program. A program that has ended keeps its id until it is
    /// reaped.
    fn signal_programs(&self, signal: Signal) {
        for &group in self.programs.iter().flatten() {
            let _ = kill_process_group(group, signal);
        }
    }

    /// Reaps every child that has ended and reports the programs among them.
    pub(super) fn reap(&mut self) -> Children {
        match waitid(WaitId::All, ENDED) {
            Err(_) => return Children::None,
            // A child was stopped or continued.
            Ok(None) => return Children::Some,
            Ok(Some(_)) => {}
        }
        for program in 0..self.next_number() {
            let place = &mut self.programs[program as usize];
            let Some(group) = *place else { continue };
            if !matches!(waitid(WaitId::Pid(group), ENDED), Ok(Some(_))) {
                continue;
            }
            *place = None;
            // Lambda ends the whole environment with the process. Here its children end, while
            // the id of their group cannot belong to another process.
            let _ = kill_process_group(group, Signal::KILL);
            if let Ok(Some((_, status))) = waitpid(Some(group), WaitOptions::empty()) {
                let exit = Exit::from(ExitStatus::from_raw(status.as_raw()));
                self.reports.push(Report::Ended { program, exit });
            }
        }
        self.reap_orphans();
        match waitid(WaitId::All, ENDED) {
            Err(_) => Children::None,
            Ok(_) => Children::Some,
        }
    }

    fn next_number(&self) -> ProgramNumber {
        ProgramNumber::try_from(self.programs.len()).unwrap_or(ProgramNumber::MAX)
    }

    /// Reaps the children that are not programs.
    fn reap_orphans(&self) {
        if self.programs.iter().all(Option::is_none) {
            while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
            return;
        }
        // Not any child that has ended, because that may be a program.
        for child in descendants::children() {
            if !self.programs.contains(&Some(child)) {
                let _ = waitpid(Some(child), WaitOptions::NOHANG);
            }
        }
    }
}

/// The processes outside of the programs' groups: daemons, and others that left the group.
impl Processes {
    /// Stops them. Returns false if some still run, or may have started others.
    fn stop_detached(&mut self) -> bool {
        let mut dead = HashSet::new();
        for _ in 0..MAX_WALKS {
            let mut found_detached = false;
            let mut is_done = true;
            let is_complete = descendants::walk(|process| match process.state {
                // It may have started others after the walk had passed them.
                State::Dead => is_done &= !dead.insert((process.pid, process.start)),
                _ if !self.is_detached(process) => {}
                // A process that is just forking stops after the fork, and its child does not.
                State::Running => {
                    process.signal(Signal::STOP);
                    (found_detached, is_done) = (true, false);
                }
                State::Stopped => found_detached = true,
            });
            self.has_frozen_detached |= found_detached;
            if is_complete && is_done {
                return true;
            }
            self.reap();
            // A detached process may have joined a program's group in the meantime.
            self.signal_programs(Signal::STOP);
        }
        false
    }

    /// All of them. The list is reliable only while every process is stopped.
    fn detached(&self) -> Vec<Descendant> {
        let mut detached = Vec::new();
        for _ in 0..MAX_WALKS {
            detached.clear();
            let is_complete = descendants::walk(|process| {
                if self.is_detached(process) {
                    detached.push(*process);
                }
            });
            if is_complete {
                break;
            }
        }
        detached
    }

    fn kill_detached(&self) {
        descendants::walk(|process| {
            if self.is_detached(process) {
                process.signal(Signal::KILL);
            }
        });
    }

    fn is_detached(&self, process: &Descendant) -> bool {
        let mut groups = self.programs.iter().flatten();
        !groups.any(|group| group.as_raw_nonzero().get() == process.group)
    }
}

/// The children of the supervisor that have not been reaped.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Children {
    Some,
    None,
}

/// Asks for a child that has ended, without waiting and without reaping it.
const ENDED: WaitIdOptions = WaitIdOptions::EXITED
    .union(WaitIdOptions::NOHANG)
    .union(WaitIdOptions::NOWAIT);

/// Starts a program as the leader of a process group.
fn start_program(length: u32, descriptors: Vec<OwnedFd>) -> io::Result<Pid> {
    let incomplete = || io::Error::from(rustix::io::Errno::INVAL);
    let [stdout, stderr, description] =
        <[OwnedFd; 3]>::try_from(descriptors).map_err(|_| incomplete())?;
    let mut bytes = Vec::new();
    std::fs::File::from(description).read_to_end(&mut bytes)?;
    if u32::try_from(bytes.len()) != Ok(length) {
        return Err(incomplete());
    }
    let program = Description::decode(&bytes).ok_or_else(incomplete)?;
    let mut command = std::process::Command::new(program.executable);
    command
        .env_clear()
        .envs(program.variables)
        .current_dir(program.directory)
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(stderr)
        .process_group(0);
    let id = spawn(&mut command)?;
    Pid::from_raw(id).ok_or_else(incomplete)
}

/// Tries again while the file is busy. A file that the sandbox's program has just written
/// stays busy while another thread of it is between fork and exec, for some milliseconds.
fn spawn(command: &mut std::process::Command) -> io::Result<i32> {
    let mut retries = 0;
    loop {
        match command.spawn() {
            Ok(child) => return i32::try_from(child.id()).map_err(io::Error::other),
            Err(error)
                if error.kind() == io::ErrorKind::ExecutableFileBusy
                    && retries < MAX_SPAWN_RETRIES =>
            {
                retries += 1;
                std::thread::sleep(SPAWN_RETRY_DELAY);
            }
            Err(error) => return Err(error),
        }
    }
}
