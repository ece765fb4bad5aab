use std::collections::BTreeMap;
use std::io::{self, PipeWriter};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};

use super::reaper::Reaper;

/// What to run.
#[derive(Debug)]
pub(crate) struct Program<'a> {
    /// `runtime` or `extension`, for sentences.
    pub(crate) role: &'static str,
    pub(crate) function: &'a str,
    pub(crate) executable: &'a Path,
    pub(crate) directory: &'a Path,
    /// All variables: nothing is inherited.
    pub(crate) variables: &'a BTreeMap<String, String>,
    pub(crate) reaper: Option<Reaper>,
}

impl Program<'_> {
    /// Starts the program as the leader of a process group. This end of the pipes is closed.
    pub(super) async fn start(
        &self,
        stdout: PipeWriter,
        stderr: PipeWriter,
    ) -> Result<Child, String> {
        let mut command = Command::new(self.executable);
        command
            .env_clear()
            .envs(self.variables)
            .current_dir(self.directory)
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .process_group(0)
            .kill_on_drop(true);
        spawn(&mut command)
            .await
            .map_err(|error| self.refused(&error))
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let who = self.who();
        let metadata = std::fs::metadata(self.executable).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                format!("{who} does not exist: build it, or correct its path in the template")
            }
            _ => format!("{who} cannot be read ({error}): look at the permissions of its folders"),
        })?;
        if !metadata.is_file() {
            return Err(format!("{who} is not a file: name the executable itself"));
        }
        if metadata.permissions().mode() & 0o111 == 0 {
            let path = self.executable.display();
            return Err(format!("{who} is not executable: run `chmod +x {path}`"));
        }
        if !self.directory.is_dir() {
            let directory = self.directory.display();
            return Err(format!(
                "the code folder {directory} of function {} does not exist: build it, or correct CodeUri in the template",
                self.function
            ));
        }
        Ok(())
    }

    pub(super) fn refused(&self, error: &io::Error) -> String {
        let who = self.who();
        const ENOEXEC: i32 = 8;
        if error.raw_os_error() == Some(ENOEXEC) {
            return format!(
                "{who} is not a program for this machine: build it for {} Linux, or begin a script with a line like `#!/usr/bin/env python3`",
                std::env::consts::ARCH
            );
        }
        match (error.kind(), interpreter(self.executable)) {
            (io::ErrorKind::NotFound, Some(interpreter)) => format!(
                "{who} cannot start, because its interpreter {} does not exist: correct its first line",
                interpreter.display()
            ),
            (io::ErrorKind::NotFound, None) if !self.executable.is_file() => {
                format!(
                    "{who} cannot start, because the file does not exist: build it, or correct its path"
                )
            }
            (io::ErrorKind::NotFound, None) => format!(
                "{who} cannot start, because the loader it was linked for is missing: build it for this machine's C library"
            ),
            _ => format!("{who} cannot start ({error})"),
        }
    }

    fn who(&self) -> String {
        format!(
            "the {} {} of function {}",
            self.role,
            self.executable.display(),
            self.function
        )
    }
}

/// A file that was just written is busy while any other thread is between fork and
/// exec with its handle; that passes in milliseconds.
async fn spawn(command: &mut Command) -> io::Result<Child> {
    let mut attempts = 0;
    loop {
        match command.spawn() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && attempts < 50 => {
                attempts += 1;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            result => return result,
        }
    }
}

/// What the `#!` line of a script names.
fn interpreter(executable: &Path) -> Option<PathBuf> {
    use std::io::Read;
    let mut head = Vec::new();
    std::fs::File::open(executable)
        .ok()?
        .take(256)
        .read_to_end(&mut head)
        .ok()?;
    let line = head
        .strip_prefix(b"#!")?
        .split(|&byte| byte == b'\n')
        .next()?;
    let line = String::from_utf8_lossy(line);
    line.split_whitespace().next().map(PathBuf::from)
}
