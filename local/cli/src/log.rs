//! What the sandbox and the gateway say while they work, on stderr, as `sam local` does.

use std::io::Write;

use xray_local_gateway::{Access, AccessLog};
use xray_local_sandbox::{LogSink, LogSource};

use crate::view::Paint;

/// Lines on stderr; a line from a function is shown as it is.
#[derive(Debug)]
pub(crate) struct Terminal {
    paint: Paint,
    /// With several functions each line says whose it is.
    with_names: bool,
}

impl Terminal {
    pub(crate) fn new(with_names: bool) -> Self {
        Self {
            paint: Paint::stderr(),
            with_names,
        }
    }
}

fn write(line: &str) {
    // Nothing to be done where stderr is closed.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

impl LogSink for Terminal {
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

impl AccessLog for Terminal {
    fn access(&self, access: &Access) {
        write(&access.to_string());
    }
}
