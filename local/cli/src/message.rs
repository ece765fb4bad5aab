//! Messages to the user, on stderr. They may quote foreign text, which is escaped.

use std::fmt::Display;
use std::io::Write;

use crate::escape::{LINES, escape};

/// Prints one line that begins with the program's name.
pub(crate) fn note(message: impl Display) {
    say(format_args!("xray-local: {message}"));
}

/// Prints one line.
pub(crate) fn say(message: impl Display) {
    print_line(&escape(&message.to_string(), &[]));
}

/// Prints an error of one or more lines, after the program's name.
pub(crate) fn error(message: &str) {
    print_line(&escape(&format!("xray-local: {message}"), LINES));
}

/// Prints a line in which foreign text is escaped already.
pub(crate) fn print_line(line: &str) {
    // If stderr is closed, nobody reads the line. `eprintln!` would panic.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
