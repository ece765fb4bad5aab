//! Formats users' values with a limit and without panics.

use std::fmt::{self, Write};

/// Formats `arguments` up to about `bytes` bytes. If a `Display` or `Debug` fails, the text
/// that it wrote before is kept; `to_string` would panic.
pub(crate) fn format_bounded(bytes: usize, arguments: fmt::Arguments<'_>) -> String {
    let text = String::new();
    let mut bounded = Bounded { text, bytes };
    let _ = bounded.write_fmt(arguments);
    bounded.text
}

/// Fails after a number of bytes, so that the `Debug` of a large value costs little.
struct Bounded {
    text: String,
    bytes: usize,
}

impl fmt::Write for Bounded {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        if self.text.len() >= self.bytes {
            return Err(fmt::Error);
        }
        self.text.push_str(part);
        Ok(())
    }
}

/// Truncates a text to a number of characters.
pub(crate) fn truncate_chars(text: &mut String, chars: usize) {
    if text.len() > chars
        && let Some((end, _)) = text.char_indices().nth(chars)
    {
        text.truncate(end);
    }
}
