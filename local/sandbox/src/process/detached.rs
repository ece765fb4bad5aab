//! Processes that went their own way: `setsid` and daemons that fork twice leave the
//! process groups of what started them.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Signal, kill_process};

use super::reaper::Reaper;

/// The detached of one environment. They are known by a variable that they inherited, whose
/// value no other environment has; one that clears its variables is not found. Linux
/// only: elsewhere there is no `/proc`, and none is found.
#[derive(Debug)]
pub(crate) struct DetachedProcesses {
    /// `AWS_LAMBDA_RUNTIME_API=…`
    mark: Vec<u8>,
    reaper: Option<Reaper>,
    known: Mutex<Vec<DetachedProcess>>,
}

impl Drop for DetachedProcesses {
    fn drop(&mut self) {
        // They were killed, and their ids may pass to others.
        let known = watched_groups(&self.known());
        if let Some(reaper) = &self.reaper {
            known.iter().for_each(|&group| reaper.remove(group));
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct DetachedProcess {
    pid: Pid,
    /// Where the reaper is to know of it.
    group: Option<Pid>,
}

/// How often the search is repeated: no limit is needed but for what forks faster than
/// it can be found.
const ROUNDS: usize = 4;

impl DetachedProcesses {
    pub(crate) fn new(runtime_api: &str, reaper: Option<Reaper>) -> Self {
        Self {
            mark: format!("AWS_LAMBDA_RUNTIME_API={runtime_api}").into_bytes(),
            reaper,
            known: Mutex::default(),
        }
    }

    /// Looks for those that live now, outside of `groups`, and signals each. Again where
    /// there were any, for they may have started others meanwhile.
    pub(crate) fn find_and_signal(&self, groups: &[Pid], signal: Signal) {
        for _ in 0..ROUNDS {
            let fresh = self.find(groups);
            self.signal(signal);
            if !fresh {
                break;
            }
        }
    }

    /// To each that was found last.
    pub(crate) fn signal(&self, signal: Signal) {
        for process in &*self.known() {
            // The id may have passed to another since.
            if self.is_marked(process.pid) {
                let _ = kill_process(process.pid, signal);
            }
        }
    }

    /// Whether there are any that were not known.
    fn find(&self, groups: &[Pid]) -> bool {
        let own = Family::of("self");
        let found: Vec<DetachedProcess> = processes()
            .filter(|&pid| self.is_marked(pid))
            .filter_map(|pid| {
                let family = Family::of(pid.as_raw_nonzero())?;
                if groups.contains(&family.group) {
                    return None;
                }
                // The reaper kills whole groups, and one of a session that is not ours
                // cannot hold a process of somebody else.
                let apart = own.is_some_and(|own| own.session != family.session);
                Some(DetachedProcess {
                    pid,
                    group: apart.then_some(family.group),
                })
            })
            .collect();
        let mut known = self.known();
        let (old, new) = (watched_groups(&known), watched_groups(&found));
        if let Some(reaper) = &self.reaper {
            new.difference(&old).for_each(|&group| reaper.add(group));
            old.difference(&new).for_each(|&group| reaper.remove(group));
        }
        let fresh = found.iter().any(|process| !known.contains(process));
        *known = found;
        fresh
    }

    /// What was in the process's environment when it was started; of another user's it
    /// cannot be read.
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

/// What `/proc/<pid>/stat` says of a process's group and session. (Rustix's calls do not
/// take 0 for an answer, which is what a container's processes get for those of outside.)
#[derive(Debug, Clone, Copy)]
struct Family {
    group: Pid,
    session: i32,
}

impl Family {
    fn of(pid: impl std::fmt::Display) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name before may hold anything, parentheses included.
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
        .filter_map(|process| process.group)
        .collect()
}

fn processes() -> impl Iterator<Item = Pid> {
    let entries = std::fs::read_dir(Path::new("/proc")).into_iter().flatten();
    entries
        .flatten()
        .filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))
}
