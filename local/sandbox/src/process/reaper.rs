use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::Pid;
use tokio::process::Command;

/// Kills the process groups that this program leaves behind if SIGKILL ends it: then no
/// destructor runs, and a stopped process does not notice that its parent has ended.
///
/// The reaper is a shell that reads the ids of the live groups from a pipe. The pipe closes
/// when this program ends, and the shell then kills the groups that are left. (Linux's parent
/// death signal would need unsafe code between fork and exec.)
#[derive(Debug, Clone)]
pub(crate) struct Reaper {
    /// The only writing end of the pipe; child processes do not inherit it.
    input: Arc<Mutex<io::PipeWriter>>,
}

const SCRIPT: &str = r#"
alive=
while read -r command group; do
    case $command in
    add) alive="$alive $group" ;;
    remove)
        rest=
        for known in $alive; do [ "$known" = "$group" ] || rest="$rest $known"; done
        alive=$rest
        ;;
    esac
done
for group in $alive; do kill -s KILL -- "-$group"; done 2>/dev/null
"#;

impl Reaper {
    /// # Errors
    /// `/bin/sh` is missing or cannot start.
    pub(crate) fn start() -> io::Result<Self> {
        let (reader, input) = io::pipe()?;
        let mut child = Command::new("/bin/sh")
            .args(["-c", SCRIPT])
            .env_clear()
            .current_dir("/")
            .stdin(reader)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // In its own group, because a terminal's Ctrl-C signals this program's whole group.
            .process_group(0)
            .spawn()?;
        tokio::spawn(async move { child.wait().await });
        Ok(Self {
            input: Arc::new(Mutex::new(input)),
        })
    }

    pub(super) fn add(&self, group: Pid) {
        self.send("add", group);
    }

    pub(super) fn remove(&self, group: Pid) {
        self.send("remove", group);
    }

    fn send(&self, command: &str, group: Pid) {
        let mut line = String::new();
        let _ = writeln!(line, "{command} {}", group.as_raw_nonzero());
        let mut input = self.input.lock().unwrap_or_else(PoisonError::into_inner);
        // If the shell is gone, destructors still kill the groups.
        let _ = input.write_all(line.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::time::Duration;

    fn sleeper() -> (std::process::Child, Pid) {
        let mut command = std::process::Command::new("sleep");
        let child = command.arg("600").process_group(0).spawn().unwrap();
        let group = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        (child, group)
    }

    #[tokio::test]
    async fn the_reaper_kills_running_and_stopped_groups_but_not_removed_ones() {
        let reaper = Reaper::start().unwrap();
        let (mut running, one) = sleeper();
        let (mut stopped, two) = sleeper();
        let (mut ended, three) = sleeper();
        [one, two, three]
            .into_iter()
            .for_each(|group| reaper.add(group));
        rustix::process::kill_process_group(two, rustix::process::Signal::STOP).unwrap();
        reaper.remove(three);
        drop(reaper);
        for child in [&mut running, &mut stopped] {
            let ended = tokio::time::timeout(Duration::from_secs(20), async {
                loop {
                    if let Some(status) = child.try_wait().unwrap() {
                        break status;
                    }
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            });
            assert_eq!(ended.await.unwrap().signal(), Some(9));
        }
        assert!(ended.try_wait().unwrap().is_none());
        ended.kill().unwrap();
        ended.wait().unwrap();
    }
}
