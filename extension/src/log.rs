use std::collections::HashSet;
use std::fmt::Display;
use std::io::Write;

/// Writes lines to standard error, which Lambda copies to the function's log. Each distinct
/// line is written once.
#[derive(Debug, Default)]
pub struct Log {
    written: HashSet<String>,
}

/// The most lines that a [`Log`] writes. It bounds memory and log if a line has a varying
/// part.
const MAX_LINES: usize = 64;

impl Log {
    /// Writes a line, unless this log has written it before or has reached its 64 lines.
    pub fn once(&mut self, line: impl Display) {
        let line = line.to_string();
        if self.is_new(&line) {
            write_line(line);
        }
    }

    /// Writes a line each time, unless this log has reached its 64 lines.
    pub(crate) fn line(&mut self, line: impl Display) {
        if self.written.len() < MAX_LINES {
            let number = self.written.len();
            self.written.insert(format!("{number}"));
            write_line(line);
        }
    }

    /// Writes a line if `XRAY_LAMBDA_LOG` is `debug`.
    pub(crate) fn debug(&mut self, _line: impl Display) {}

    fn is_new(&mut self, line: &str) -> bool {
        self.written.len() < MAX_LINES && self.written.insert(line.to_owned())
    }
}

/// Writes a line to standard error, and ignores a closed standard error.
pub(crate) fn write_line(line: impl Display) {
    let _ = writeln!(std::io::stderr(), "xray-lambda-extension: {line}");
}

/// Logs each panic as one line with its place in the code. The panic's message is left out,
/// because it may contain a part of a document.
pub fn install_panic_hook() {
    std::panic::set_hook(Box::new(|panic| match panic.location() {
        Some(at) => write_line(format_args!(
            "bug at {}:{}; please report it",
            at.file(),
            at.line()
        )),
        None => write_line("bug; please report it"),
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_written_once_and_the_number_of_lines_is_bounded() {
        let mut log = Log::default();
        assert!(log.is_new("the same"));
        assert!(!log.is_new("the same"));
        let written = (0..1_000).filter(|n| log.is_new(&n.to_string())).count();
        assert_eq!(written, MAX_LINES - 1);
    }
}
