//! Messages to the user, on stderr. They may quote foreign text, which is escaped.

use std::error::Error;
use std::fmt::{self, Display};
use std::io::Write;

use xray_local_template::TemplateError;

use crate::escape::{LINES, escape};

/// Prints one line that begins with the program's name.
pub(crate) fn note(message: impl Display) {
    say(format_args!("xray-local: {message}"));
}

/// Prints one line.
pub(crate) fn say(message: impl Display) {
    print_line(&escape(&message.to_string(), &[]));
}

/// The text of an error, without its cause. Line ends stay only in errors that consist of lines;
/// in all others they are part of quoted text, which could imitate a message of this program.
pub(crate) fn of_error(error: &(dyn Error + 'static)) -> String {
    let has_lines = error.is::<Lines>() || error.is::<TemplateError>();
    let kept = if has_lines { LINES } else { &[] };
    escape(&error.to_string(), kept).into_owned()
}

/// An error of several lines.
#[derive(Debug)]
pub(crate) struct Lines(Vec<String>);

impl Lines {
    /// Each text is one line, whatever it quotes.
    pub(crate) fn new(lines: impl IntoIterator<Item = String>) -> Self {
        let lines = lines.into_iter();
        Self(lines.map(|line| escape(&line, &[]).into_owned()).collect())
    }
}

impl Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl Error for Lines {}

/// Prints the [texts of errors](of_error) after the program's name.
pub(crate) fn error(message: &str) {
    print_line(&escape(&format!("xray-local: {message}"), LINES));
}

/// Prints a line in which foreign text is escaped already.
pub(crate) fn print_line(line: &str) {
    // If stderr is closed, nobody reads the line. `eprintln!` would panic.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
