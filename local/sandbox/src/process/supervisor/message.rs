//! The messages between the sandbox and a supervisor.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::process::Signal;

use crate::process::Exit;

/// The number of a program: both sides count the [`Command::Start`]s.
pub(crate) type ProgramNumber = u32;

/// A command to the supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    /// Starts the next program. With it come three file descriptors: the program's stdout, its
    /// stderr, and a pipe with a [`Description`] of `length` bytes.
    Start { length: u32 },
    /// Signals the process group of a program, unless the program has ended.
    Signal {
        program: ProgramNumber,
        signal: Signal,
    },
    /// Stops every process.
    Freeze,
    /// Continues every process.
    Thaw,
}

/// A report of the supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Report {
    Started { program: ProgramNumber, pid: i32 },
    NotStarted { program: ProgramNumber, errno: i32 },
    Ended { program: ProgramNumber, exit: Exit },
}

/// Bytes of a command or a report: its kind, the program, and a value.
pub(super) const MESSAGE_BYTES: usize = 9;

pub(super) type Bytes = [u8; MESSAGE_BYTES];

impl Command {
    pub(super) fn encode(self) -> Bytes {
        match self {
            Self::Start { length } => encode(b's', length, 0),
            Self::Signal { program, signal } => encode(b'k', program, signal.as_raw()),
            Self::Freeze => encode(b'f', 0, 0),
            Self::Thaw => encode(b't', 0, 0),
        }
    }

    /// `None`: the other side is not a sandbox of this version.
    pub(super) fn decode(bytes: Bytes) -> Option<Self> {
        Some(match decode(bytes) {
            (b's', length, _) => Self::Start { length },
            (b'k', program, signal) => Self::Signal {
                program,
                signal: Signal::from_named_raw(signal)?,
            },
            (b'f', ..) => Self::Freeze,
            (b't', ..) => Self::Thaw,
            _ => return None,
        })
    }
}

impl Report {
    pub(super) fn encode(self) -> Bytes {
        match self {
            Self::Started { program, pid } => encode(b's', program, pid),
            Self::NotStarted { program, errno } => encode(b'n', program, errno),
            Self::Ended { program, exit } => match exit {
                Exit::Code(code) => encode(b'c', program, code),
                Exit::Signal(signal) => encode(b'k', program, signal),
            },
        }
    }

    /// `None`: the other side is not a supervisor of this version.
    pub(super) fn decode(bytes: Bytes) -> Option<Self> {
        Some(match decode(bytes) {
            (b's', program, pid) => Self::Started { program, pid },
            (b'n', program, errno) => Self::NotStarted { program, errno },
            (b'c', program, code) => Self::Ended {
                program,
                exit: Exit::Code(code),
            },
            (b'k', program, signal) => Self::Ended {
                program,
                exit: Exit::Signal(signal),
            },
            _ => return None,
        })
    }
}

fn encode(kind: u8, program: u32, value: i32) -> Bytes {
    let mut bytes = [0; MESSAGE_BYTES];
    bytes[0] = kind;
    bytes[1..5].copy_from_slice(&program.to_ne_bytes());
    bytes[5..].copy_from_slice(&value.to_ne_bytes());
    bytes
}

fn decode([kind, a, b, c, d, e, f, g, h]: Bytes) -> (u8, u32, i32) {
    (
        kind,
        u32::from_ne_bytes([a, b, c, d]),
        i32::from_ne_bytes([e, f, g, h]),
    )
}

/// A program to start. It travels through a pipe, because arguments are visible to all users
/// of the machine and variables contain credentials.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Description {
    pub(super) executable: PathBuf,
    pub(super) directory: PathBuf,
    /// All variables of the program.
    pub(super) variables: Vec<(OsString, OsString)>,
}

impl Description {
    /// # Errors
    /// A part contains a NUL byte, which no path and no variable can contain.
    pub(super) fn encode<'a>(
        executable: &Path,
        directory: &Path,
        variables: impl Iterator<Item = (&'a OsStr, &'a OsStr)>,
    ) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut add = |parts: &[&OsStr]| {
            for part in parts {
                if part.as_bytes().contains(&0) {
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidInput,
                        "a path or a variable contains a NUL byte",
                    ));
                }
                bytes.extend_from_slice(part.as_bytes());
            }
            bytes.push(0);
            Ok(())
        };
        add(&[executable.as_os_str()])?;
        add(&[directory.as_os_str()])?;
        for (name, value) in variables {
            add(&[name, OsStr::new("="), value])?;
        }
        Ok(bytes)
    }

    /// `None` if the bytes are incomplete.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut parts = bytes.strip_suffix(b"\0")?.split(|&byte| byte == 0);
        let text = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
        Some(Self {
            executable: text(parts.next()?).into(),
            directory: text(parts.next()?).into(),
            variables: parts
                .map(|variable| {
                    let end = variable.iter().position(|&byte| byte == b'=')?;
                    Some((text(&variable[..end]), text(&variable[end + 1..])))
                })
                .collect::<Option<_>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_survives_its_encoding() {
        for command in [
            Command::Start { length: 70_000 },
            Command::Signal {
                program: 3,
                signal: Signal::TERM,
            },
            Command::Freeze,
            Command::Thaw,
        ] {
            assert_eq!(Command::decode(command.encode()), Some(command));
        }
        let program = 10;
        for report in [
            Report::Started {
                program,
                pid: 4_194_304,
            },
            Report::NotStarted { program, errno: 8 },
            Report::Ended {
                program,
                exit: Exit::Code(-1),
            },
            Report::Ended {
                program,
                exit: Exit::Signal(9),
            },
        ] {
            assert_eq!(Report::decode(report.encode()), Some(report));
        }
        assert_eq!(Command::decode([0; MESSAGE_BYTES]), None);
        assert_eq!(Report::decode([0; MESSAGE_BYTES]), None);
    }

    #[test]
    fn a_description_keeps_every_byte_but_nul() {
        let odd = OsStr::from_bytes(b"\xff=\n ");
        let variables = [("A", "b=c"), ("EMPTY", "")].map(|(k, v)| (OsStr::new(k), OsStr::new(v)));
        let all = variables.into_iter().chain([(OsStr::new("ODD"), odd)]);
        let bytes = Description::encode(Path::new(odd), Path::new("/"), all.clone()).unwrap();
        assert_eq!(
            Description::decode(&bytes),
            Some(Description {
                executable: odd.into(),
                directory: "/".into(),
                variables: all.map(|(k, v)| (k.into(), v.into())).collect(),
            })
        );
        assert_eq!(Description::decode(&bytes[..bytes.len() - 1]), None);
        let nul = [(OsStr::new("A"), OsStr::new("b\0c"))].into_iter();
        assert!(Description::encode(Path::new("/a"), Path::new("/"), nul).is_err());
    }
}
