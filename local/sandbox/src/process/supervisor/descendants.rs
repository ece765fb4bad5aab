//! The search for the processes below this one, in Linux's `/proc`.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::LazyLock;

use rustix::process::{
    Pid, PidfdFlags, Signal, getpid, kill_process, pidfd_open, pidfd_send_signal,
};

/// One process below this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Descendant {
    pub(super) pid: Pid,
    pub(super) group: i32,
    /// Its start, in clock ticks since the boot. No two processes with one id have the same.
    pub(super) start: u64,
    pub(super) state: State,
    threads: u32,
    /// True for a child of this process. Its id stays its own until this process reaps it.
    is_child: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Running,
    Stopped,
    /// It has ended, and its parent has not reaped it.
    Dead,
}

/// Visits every process below this one, parents before their children.
///
/// Returns false if a process ended or changed its parent meanwhile, and the walk may have
/// missed another one. The lists in `/proc` are reliable only for stopped processes
/// (proc_pid_task(5), `children`), so a walk that stops processes must be repeated until it is
/// complete and finds all of them stopped.
pub(super) fn walk(visit: impl FnMut(&Descendant)) -> bool {
    walk_in(&ChildLists::new(), visit)
}

fn walk_in(lists: &ChildLists, mut visit: impl FnMut(&Descendant)) -> bool {
    let own = getpid();
    let Some(children) = lists.of(own, None) else {
        return false;
    };
    let mut found = Vec::new();
    let mut is_complete = true;
    let mut add = |found: &mut Vec<_>, pid, parent, is_child| {
        let process = Descendant::read(pid, parent, is_child);
        process.iter().for_each(&mut visit);
        found.extend(process);
        process.is_some()
    };
    // Newest first: an older process may have started the newest one and ended since.
    for &pid in children.iter().rev() {
        is_complete &= add(&mut found, pid, own, true);
    }
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        next += 1;
        let Some(grandchildren) = lists.of(parent.pid, Some(parent.threads)) else {
            is_complete = false;
            continue;
        };
        for pid in grandchildren.into_iter().rev() {
            is_complete &= parent.is_same() && add(&mut found, pid, parent.pid, false);
        }
    }
    // A process that ended during the walk may have left its children to this one.
    is_complete && lists.of(own, None).as_ref() == Some(&children)
}

impl Descendant {
    /// `None` if there is no process with this id and parent.
    fn read(pid: Pid, parent: Pid, is_child: bool) -> Option<Self> {
        let stat = Stat::read(pid)?;
        (stat.parent == parent.as_raw_nonzero().get()).then_some(Self {
            pid,
            group: stat.group,
            start: stat.start,
            state: stat.state,
            threads: stat.threads,
            is_child,
        })
    }

    /// Signals this process and never another one that received its id.
    ///
    /// Before Linux 5.3, which has no process handles, it signals only children of this process.
    pub(super) fn signal(&self, signal: Signal) {
        // An error means that the process has ended, or runs as another user.
        if self.is_child {
            let _ = kill_process(self.pid, signal);
        } else if let Ok(handle) = pidfd_open(self.pid, PidfdFlags::empty())
            // The comparison comes second: then the handle is of the process that was found.
            && self.is_same()
        {
            let _ = pidfd_send_signal(handle, signal);
        }
    }

    /// True if the process with this id is still the one that was found.
    fn is_same(&self) -> bool {
        self.is_child || Stat::read(self.pid).is_some_and(|stat| stat.start == self.start)
    }
}

/// The ids of this process's children, including those that ended and were not reaped.
pub(super) fn children() -> Vec<Pid> {
    ChildLists::new().of(getpid(), None).unwrap_or_default()
}

/// The source of the lists of children.
#[derive(Debug)]
enum ChildLists {
    /// `/proc/<pid>/task/<tid>/children`
    Files,
    /// All processes of the machine by their parents, for kernels without these files.
    Table(HashMap<i32, Vec<Pid>>),
}

/// True if the kernel was built with CONFIG_PROC_CHILDREN.
static HAS_CHILDREN_FILES: LazyLock<bool> =
    LazyLock::new(|| Path::new("/proc/thread-self/children").exists());

impl ChildLists {
    fn new() -> Self {
        if *HAS_CHILDREN_FILES {
            Self::Files
        } else {
            Self::read_table()
        }
    }

    fn read_table() -> Self {
        let mut table: HashMap<_, Vec<_>> = HashMap::new();
        for pid in ids_in("/proc").unwrap_or_default() {
            if let Some(stat) = Stat::read(pid) {
                table.entry(stat.parent).or_default().push(pid);
            }
        }
        Self::Table(table)
    }

    /// The children of a process. `None` if the process, or one of its threads, has ended.
    /// `threads` is their number, if it is known.
    fn of(&self, pid: Pid, threads: Option<u32>) -> Option<Vec<Pid>> {
        match self {
            Self::Files if threads == Some(1) => children_of_thread(pid, pid),
            Self::Files => {
                let mut children = Vec::new();
                for thread in ids_in(&format!("/proc/{pid}/task"))? {
                    children.extend(children_of_thread(pid, thread)?);
                }
                Some(children)
            }
            Self::Table(table) => Some(
                table
                    .get(&pid.as_raw_nonzero().get())
                    .cloned()
                    .unwrap_or_default(),
            ),
        }
    }
}

fn children_of_thread(pid: Pid, thread: Pid) -> Option<Vec<Pid>> {
    let list = read(&format!("/proc/{pid}/task/{thread}/children"))?;
    Some(list.split_whitespace().filter_map(parse_id).collect())
}

/// The entries of a folder whose names are ids.
fn ids_in(folder: &str) -> Option<Vec<Pid>> {
    let entries = std::fs::read_dir(folder).ok()?;
    let ids = entries
        .flatten()
        .filter_map(|entry| parse_id(entry.file_name().to_str()?));
    Some(ids.collect())
}

fn parse_id(text: &str) -> Option<Pid> {
    Pid::from_raw(text.parse().ok()?)
}

/// The parts of `/proc/<pid>/stat` (proc_pid_stat(5)) that the search needs.
#[derive(Debug)]
struct Stat {
    parent: i32,
    group: i32,
    threads: u32,
    start: u64,
    state: State,
}

impl Stat {
    /// `None` if there is no process with this id.
    fn read(pid: Pid) -> Option<Self> {
        let stat = read(&format!("/proc/{pid}/stat"))?;
        // The process's name comes second, in parentheses, and may itself contain some.
        let (_, rest) = stat.rsplit_once(')')?;
        // The first of these is field 3.
        let mut fields = rest.split_whitespace();
        let state = fields.next()?;
        let parent = fields.next()?.parse().ok()?;
        let group = fields.next()?.parse().ok()?;
        let threads = fields.nth(14)?.parse().ok()?;
        Some(Self {
            parent,
            group,
            threads,
            start: fields.nth(1)?.parse().ok()?,
            state: match state {
                "T" | "t" => State::Stopped,
                // The first thread of a process may end before the others.
                "Z" if threads > 1 => State::Running,
                "Z" | "X" => State::Dead,
                _ => State::Running,
            },
        })
    }
}

/// Reads a file of `/proc` in as few calls as possible: it may change between two of them.
fn read(path: &str) -> Option<String> {
    let mut file = File::open(path).ok()?;
    let mut bytes = vec![0; 4096];
    let mut length = 0;
    loop {
        match file.read(&mut bytes[length..]).ok()? {
            0 => break,
            read => length += read,
        }
        if length == bytes.len() {
            bytes.resize(2 * length, 0);
        }
    }
    bytes.truncate(length);
    // A process may give itself a name that is not UTF-8.
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    #[test]
    fn descendants_of_every_depth_are_found_with_and_without_lists_of_children() {
        let mut shell = Command::new("/bin/sh")
            .args(["-c", "sh -c 'sleep 600 & echo $$ $!; wait' & wait"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(shell.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let below: Vec<Pid> = line.split_whitespace().filter_map(parse_id).collect();
        let shell_id = parse_id(&shell.id().to_string()).unwrap();
        for lists in [ChildLists::Files, ChildLists::read_table()] {
            let mut all = Vec::new();
            walk_in(&lists, |process| all.push(*process));
            let find = |id| all.iter().find(|process| process.pid == id).unwrap();
            assert!(find(shell_id).is_child);
            for &id in &below {
                assert!(!find(id).is_child);
                assert_eq!(find(id).group, find(shell_id).group);
            }
            assert!(!all.iter().any(|process| process.pid == getpid()));
        }
        // This process is not a subreaper: the search would miss the children of a killed one.
        let mut found = Vec::new();
        walk(|process| found.push(*process));
        for process in found {
            if below.contains(&process.pid) {
                process.signal(Signal::KILL);
            }
        }
        assert!(shell.wait().unwrap().success());
    }

    #[test]
    fn a_process_that_received_the_id_of_another_is_not_signalled() {
        let mut sleep = Command::new("sleep").arg("600").spawn().unwrap();
        let id = parse_id(&sleep.id().to_string()).unwrap();
        let stat = Stat::read(id).unwrap();
        let mut process = Descendant {
            pid: id,
            group: stat.group,
            start: stat.start - 1,
            state: stat.state,
            threads: stat.threads,
            is_child: false,
        };
        process.signal(Signal::KILL);
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert!(sleep.try_wait().unwrap().is_none());
        process.start += 1;
        process.signal(Signal::KILL);
        assert!(!sleep.wait().unwrap().success());
    }
}
