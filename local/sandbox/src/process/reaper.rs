//! Ends what this program leaves behind when it cannot do so itself: killed with
//! SIGKILL, it runs no destructor, and a stopped process notices nothing.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::Pid;
use tokio::process::Command;

/// A shell that reads which process groups live. Its input ends with this program,
/// however that ends, and then it kills those that are left. (Linux's parent death
/// signal would need unsafe code between fork and exec.)
#[derive(Debug, Clone)]
pub(crate) struct Reaper {
    /// The only writing end: children do not inherit it.
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
    /// Where there is no `/bin/sh`, or no process to be had.
    pub(crate) fn start() -> io::Result<Self> {
        let (reader, input) = io::pipe()?;
        let mut child = Command::new("/bin/sh")
            .args(["-c", SCRIPT])
            .env_clear()
            .current_dir("/")
            .stdin(reader)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C in a terminal goes to the whole group of this program.
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
        // Without a reaper the groups are still killed wherever a destructor runs.
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
    async fn what_lives_when_the_program_ends_is_killed_even_if_stopped_and_what_ended_is_left_alone()
     {
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
