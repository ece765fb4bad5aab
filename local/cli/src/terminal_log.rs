//! The log of the sandbox and the gateway, on stderr as in `sam local`.

use std::borrow::Cow;
use std::io::IsTerminal;

use xray_local_gateway::{Access, AccessLog};
use xray_local_sandbox::{LogSink, LogSource};

use crate::escape::{escape, escape_output};
use crate::message::{print_line, say};
use crate::view::Paint;

/// Writes lines to stderr. The output of functions and extensions keeps its colours, and is
/// written unchanged to a file or a pipe.
#[derive(Debug)]
pub(crate) struct TerminalLog {
    paint: Paint,
    is_terminal: bool,
    with_names: bool,
}

impl TerminalLog {
    /// `with_names` puts the function's name before each line of a function; used if there are
    /// several functions.
    pub(crate) fn new(with_names: bool) -> Self {
        Self {
            paint: Paint::stderr(),
            is_terminal: std::io::stderr().is_terminal(),
            with_names,
        }
    }

    fn format(&self, function: &str, source: LogSource, line: &str) -> String {
        let name = if self.with_names {
            self.paint.dim(&format!("{}  ", escape(function, &[])))
        } else {
            String::new()
        };
        match source {
            LogSource::Function => format!("{name}{}", self.output(line)),
            LogSource::Extension => format!("{name}{}", self.paint.dim(&self.output(line))),
            LogSource::Platform => format!("{name}{}", self.paint.dim(&escape(line, &['\t']))),
        }
    }

    fn output<'a>(&self, line: &'a str) -> Cow<'a, str> {
        if self.is_terminal {
            escape_output(line)
        } else {
            Cow::Borrowed(line)
        }
    }
}

impl LogSink for TerminalLog {
    fn line(&self, function: &str, source: LogSource, line: &str) {
        print_line(&self.format(function, source, line));
    }
}

impl AccessLog for TerminalLog {
    fn access(&self, access: &Access) {
        say(access);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "\u{1b}[32mok\u{1b}[0m\tclear\u{1b}[2J";

    fn log(is_terminal: bool) -> TerminalLog {
        TerminalLog {
            paint: Paint::plain(),
            is_terminal,
            with_names: true,
        }
    }

    #[test]
    fn output_is_escaped_on_a_terminal_and_unchanged_in_a_file() {
        for source in [LogSource::Function, LogSource::Extension] {
            assert_eq!(
                log(true).format("f\u{9b}", source, LINE),
                "f\\u009b  \u{1b}[32mok\u{1b}[0m\tclear\\u001b[2J\u{1b}[0m"
            );
            assert_eq!(log(false).format("f", source, LINE), format!("f  {LINE}"));
        }
    }

    #[test]
    fn a_platform_line_is_escaped_with_its_colours() {
        for is_terminal in [true, false] {
            assert_eq!(
                log(is_terminal).format("f", LogSource::Platform, LINE),
                "f  \\u001b[32mok\\u001b[0m\tclear\\u001b[2J"
            );
        }
    }
}
