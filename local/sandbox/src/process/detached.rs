use std::collections::HashSet;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Signal, kill_process};

use super::reaper::Reaper;

/// The processes of one environment that left the process group in which they were started:
/// by `setsid`, or as daemons that forked twice.
///
/// A search in `/proc` finds them by a variable that they inherited, whose value no other
/// environment has. It does not find a process that cleared its variables. On systems without
/// `/proc` it finds none.
#[derive(Debug)]
pub(crate) struct DetachedProcesses {
    /// `AWS_LAMBDA_RUNTIME_API=…`
    mark: Vec<u8>,
    reaper: Option<Reaper>,
    /// The result of the last search.
    known: Mutex<Vec<DetachedProcess>>,
}

impl Drop for DetachedProcesses {
    fn drop(&mut self) {
        // They were killed, so other processes may receive their ids.
        let known = watched_groups(&self.known());
        if let Some(reaper) = &self.reaper {
            known.iter().for_each(|&group| reaper.remove(group));
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct DetachedProcess {
    pid: Pid,
    /// The process group, if the reaper watches it.
    watched_group: Option<Pid>,
}

/// Searches at most. Bounded, because a process may fork faster than we scan.
const MAX_SCANS: usize = 4;

impl DetachedProcesses {
    pub(crate) fn new(runtime_api: &str, reaper: Option<Reaper>) -> Self {
        Self {
            mark: format!("AWS_LAMBDA_RUNTIME_API={runtime_api}").into_bytes(),
            reaper,
            known: Mutex::default(),
        }
    }

    /// Searches for live processes outside of `groups` and signals each. Repeats the search
    /// if it found a new process, which may have started others before the signal arrived.
    pub(crate) fn find_and_signal(&self, groups: &[Pid], signal: Signal) {
        for _ in 0..MAX_SCANS {
            let found_new = self.find(groups);
            self.signal(signal);
            if !found_new {
                break;
            }
        }
    }

    /// Signals each process that the last search found.
    pub(crate) fn signal(&self, signal: Signal) {
        for process in &*self.known() {
            // Another process may have received the id since the search.
            if self.is_marked(process.pid) {
                let _ = kill_process(process.pid, signal);
            }
        }
    }

    /// Returns true if it found a process that the last search had not.
    fn find(&self, groups: &[Pid]) -> bool {
        let own = ProcessIds::of("self");
        let found: Vec<DetachedProcess> = processes()
            .filter(|&pid| self.is_marked(pid))
            .filter_map(|pid| {
                let ids = ProcessIds::of(pid.as_raw_nonzero())?;
                if groups.contains(&ids.group) {
                    return None;
                }
                // The reaper kills whole groups. A detached process created a group outside
                // of our session, so it holds no other program's processes.
                let is_separate = own.is_some_and(|own| own.session != ids.session);
                Some(DetachedProcess {
                    pid,
                    watched_group: is_separate.then_some(ids.group),
                })
            })
            .collect();
        let mut known = self.known();
        let (old, new) = (watched_groups(&known), watched_groups(&found));
        if let Some(reaper) = &self.reaper {
            new.difference(&old).for_each(|&group| reaper.add(group));
            old.difference(&new).for_each(|&group| reaper.remove(group));
        }
        let found_new = found.iter().any(|process| !known.contains(process));
        *known = found;
        found_new
    }

    /// Reads the variables with which the process started. Those of another user's processes
    /// are not readable.
    fn is_marked(&self, pid: Pid) -> bool {
        let path = format!("/proc/{}/environ", pid.as_raw_nonzero());
        std::fs::read(path).is_ok_and(|environ| {
            environ
                .split(|&byte| byte == 0)
                .any(|variable| variable == self.mark)
        })
    }

    fn known(&self) -> MutexGuard<'_, Vec<DetachedProcess>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The process group and the session of a process, from `/proc/<pid>/stat`. (Rustix's own
/// calls reject the 0 that a container shows for processes outside of it.)
#[derive(Debug, Clone, Copy)]
struct ProcessIds {
    group: Pid,
    session: i32,
}

impl ProcessIds {
    fn of(pid: impl std::fmt::Display) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The process's name comes first, in parentheses, and may itself contain some.
        let (_, rest) = stat.rsplit_once(')')?;
        let mut fields = rest.split_whitespace().skip(2);
        let group: i32 = fields.next()?.parse().ok()?;
        Some(Self {
            group: Pid::from_raw(group.max(0))?,
            session: fields.next()?.parse().ok()?,
        })
    }
}

fn watched_groups(processes: &[DetachedProcess]) -> HashSet<Pid> {
    processes
        .iter()
        .filter_map(|process| process.watched_group)
        .collect()
}

fn processes() -> impl Iterator<Item = Pid> {
    let entries = std::fs::read_dir(Path::new("/proc")).into_iter().flatten();
    entries
        .flatten()
        .filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))
}
