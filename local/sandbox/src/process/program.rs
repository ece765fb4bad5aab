use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// An executable and its surroundings.
#[derive(Debug)]
pub(crate) struct Program<'a> {
    /// `runtime` or `extension`, for messages.
    pub(crate) role: &'static str,
    pub(crate) function: &'a str,
    pub(crate) executable: &'a Path,
    /// The working directory.
    pub(crate) directory: &'a Path,
    /// All environment variables: the process inherits no others.
    pub(crate) variables: &'a BTreeMap<String, String>,
}

impl Program<'_> {
    /// # Errors
    /// A message, if the executable or the directory is unusable.
    pub(super) fn check(&self) -> Result<(), String> {
        let name = self.display_name();
        let metadata = std::fs::metadata(self.executable).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                format!("{name} does not exist: build it, or correct its path in the template")
            }
            _ => format!("{name} cannot be read ({error}): look at the permissions of its folders"),
        })?;
        if !metadata.is_file() {
            return Err(format!("{name} is not a file: name the executable itself"));
        }
        if metadata.permissions().mode() & 0o111 == 0 {
            let path = self.executable.display();
            return Err(format!("{name} is not executable: run `chmod +x {path}`"));
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

    /// The message for an error of the start, with its likely cause and the next step.
    pub(super) fn start_error(&self, error: &io::Error) -> String {
        let name = self.display_name();
        const ENOEXEC: i32 = 8;
        if error.raw_os_error() == Some(ENOEXEC) {
            return format!(
                "{name} is not a program for this machine: build it for {} Linux, or begin a script with a line like `#!/usr/bin/env python3`",
                std::env::consts::ARCH
            );
        }
        match (error.kind(), interpreter(self.executable)) {
            (io::ErrorKind::NotFound, Some(interpreter)) => format!(
                "{name} cannot start, because its interpreter {} does not exist: correct its first line",
                interpreter.display()
            ),
            (io::ErrorKind::NotFound, None) if !self.executable.is_file() => {
                format!(
                    "{name} cannot start, because the file does not exist: build it, or correct its path"
                )
            }
            (io::ErrorKind::NotFound, None) => format!(
                "{name} cannot start, because the loader it was linked for is missing: build it for this machine's C library"
            ),
            _ => format!("{name} cannot start ({error})"),
        }
    }

    fn display_name(&self) -> String {
        format!(
            "the {} {} of function {}",
            self.role,
            self.executable.display(),
            self.function
        )
    }
}

/// The interpreter in the `#!` line of a script.
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
