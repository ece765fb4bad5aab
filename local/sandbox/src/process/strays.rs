//! Processes that went their own way: `setsid` and daemons that fork twice leave the
//! process groups of what started them.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Signal, kill_process};

use super::keeper::Keeper;

/// The strays of one environment. They are known by a variable that they inherited, whose
/// value no other environment has; one that clears its variables is not found. Linux
/// only: elsewhere there is no `/proc`, and none is found.
#[derive(Debug)]
pub(crate) struct Strays {
    /// `AWS_LAMBDA_RUNTIME_API=…`
    mark: Vec<u8>,
    keeper: Option<Keeper>,
    known: Mutex<Vec<Stray>>,
}

impl Drop for Strays {
    fn drop(&mut self) {
        // They were killed, and their ids may pass to others.
        let known = kept(&self.known());
        if let Some(keeper) = &self.keeper {
            known.iter().for_each(|&group| keeper.end(group));
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stray {
    pid: Pid,
    /// Where the keeper is to know of it.
    group: Option<Pid>,
}

/// How often the search is repeated: no limit is needed but for what forks faster than
/// it can be found.
const ROUNDS: usize = 4;

impl Strays {
    pub(crate) fn new(runtime_api: &str, keeper: Option<Keeper>) -> Self {
        Self {
            mark: format!("AWS_LAMBDA_RUNTIME_API={runtime_api}").into_bytes(),
            keeper,
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
        for stray in &*self.known() {
            // The id may have passed to another since.
            if self.is_marked(stray.pid) {
                let _ = kill_process(stray.pid, signal);
            }
        }
    }

    /// Whether there are any that were not known.
    fn find(&self, groups: &[Pid]) -> bool {
        let own = Family::of("self");
        let found: Vec<Stray> = processes()
            .filter(|&pid| self.is_marked(pid))
            .filter_map(|pid| {
                let family = Family::of(pid.as_raw_nonzero())?;
                if groups.contains(&family.group) {
                    return None;
                }
                // The keeper kills whole groups, and one of a session that is not ours
                // cannot hold a process of somebody else.
                let apart = own.is_some_and(|own| own.session != family.session);
                Some(Stray {
                    pid,
                    group: apart.then_some(family.group),
                })
            })
            .collect();
        let mut known = self.known();
        let (old, new) = (kept(&known), kept(&found));
        if let Some(keeper) = &self.keeper {
            new.difference(&old).for_each(|&group| keeper.begin(group));
            old.difference(&new).for_each(|&group| keeper.end(group));
        }
        let fresh = found.iter().any(|stray| !known.contains(stray));
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

    fn known(&self) -> MutexGuard<'_, Vec<Stray>> {
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

fn kept(strays: &[Stray]) -> HashSet<Pid> {
    strays.iter().filter_map(|stray| stray.group).collect()
}

fn processes() -> impl Iterator<Item = Pid> {
    let entries = std::fs::read_dir(Path::new("/proc")).into_iter().flatten();
    entries
        .flatten()
        .filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))
}
