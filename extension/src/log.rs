use std::collections::HashSet;
use std::fmt::Display;
use std::io::Write;

/// The extension's voice: lines on standard error, which Lambda puts into the
/// function's log. Each reason is written once, however often it comes about.
#[derive(Debug, Default)]
pub struct Log {
    written: HashSet<String>,
}

/// Reasons that are remembered. One that carries a varying part must not turn the
/// memory of what was written into a leak, nor the log into a flood.
const MAX_LINES: usize = 64;

impl Log {
    /// Says a line that has not been written before.
    pub fn once(&mut self, line: impl Display) {
        let line = line.to_string();
        if self.is_new(&line) {
            write_line(line);
        }
    }

    fn is_new(&mut self, line: &str) -> bool {
        self.written.len() < MAX_LINES && self.written.insert(line.to_owned())
    }
}

/// Says a line. A closed standard error is no reason to stop tracing.
pub(crate) fn write_line(line: impl Display) {
    let _ = writeln!(std::io::stderr(), "xray-lambda-extension: {line}");
}

/// Makes a panic one line that says where, and not what: a panic's message may hold
/// a part of a document.
pub fn install_panic_hook() {
    std::panic::set_hook(Box::new(|panic| match panic.location() {
        Some(at) => write_line(format_args!(
            "a bug at {}:{}, please report it",
            at.file(),
            at.line()
        )),
        None => write_line("a bug, please report it"),
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_remembered_once_and_varying_ones_do_not_grow_without_end() {
        let mut log = Log::default();
        assert!(log.is_new("the same"));
        assert!(!log.is_new("the same"));
        let written = (0..1_000).filter(|n| log.is_new(&n.to_string())).count();
        assert_eq!(written, MAX_LINES - 1);
    }
}
