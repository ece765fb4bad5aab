//! The log of the sandbox and the gateway, on stderr as in `sam local`.

use std::io::Write;

use xray_local_gateway::{Access, AccessLog};
use xray_local_sandbox::{LogSink, LogSource};

use crate::view::Paint;

/// Writes lines to stderr. A function's own line keeps its colours.
#[derive(Debug)]
pub(crate) struct TerminalLog {
    paint: Paint,
    with_names: bool,
}

impl TerminalLog {
    /// `with_names` puts the function's name before each line, for several functions.
    pub(crate) fn new(with_names: bool) -> Self {
        Self {
            paint: Paint::stderr(),
            with_names,
        }
    }
}

fn write(line: &str) {
    // If stderr is closed, nobody reads the log.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

impl LogSink for TerminalLog {
    fn line(&self, function: &str, source: LogSource, line: &str) {
        let name = if self.with_names {
            format!("{function}  ")
        } else {
            String::new()
        };
        let name = self.paint.dim(&name);
        match source {
            LogSource::Function => write(&format!("{name}{line}")),
            LogSource::Platform | LogSource::Extension => {
                write(&format!("{name}{}", self.paint.dim(line)));
            }
        }
    }
}

impl AccessLog for TerminalLog {
    fn access(&self, access: &Access) {
        write(&access.to_string());
    }
}
