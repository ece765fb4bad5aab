use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// The end of a process, printed as Lambda prints it: Lambda is written in Go, and these are the
/// names of Go's `syscall.Signal` on Linux.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Code(i32),
    Signal(i32),
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Code(code) => return write!(f, "exit status {code}"),
            Self::Signal(1) => "hangup",
            Self::Signal(2) => "interrupt",
            Self::Signal(3) => "quit",
            Self::Signal(4) => "illegal instruction",
            Self::Signal(5) => "trace/breakpoint trap",
            Self::Signal(6) => "aborted",
            Self::Signal(7) => "bus error",
            Self::Signal(8) => "floating point exception",
            Self::Signal(9) => "killed",
            Self::Signal(10) => "user defined signal 1",
            Self::Signal(11) => "segmentation fault",
            Self::Signal(12) => "user defined signal 2",
            Self::Signal(13) => "broken pipe",
            Self::Signal(14) => "alarm clock",
            Self::Signal(15) => "terminated",
            Self::Signal(number) => return write!(f, "signal: {number}"),
        };
        write!(f, "signal: {name}")
    }
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(code),
            (None, signal) => Self::Signal(signal.unwrap_or_default()),
        }
    }
}
