//! Texts that users' types write of themselves: bounded, and never a panic.

use std::fmt::{self, Write};

/// A text of about as many bytes at most. What a `Display` or `Debug` wrote before it
/// failed is kept: `to_string` would panic.
pub(crate) fn format_bounded(bytes: usize, arguments: fmt::Arguments<'_>) -> String {
    let text = String::new();
    let mut bounded = Bounded { text, bytes };
    let _ = bounded.write_fmt(arguments);
    bounded.text
}

/// Takes a text up to a number of bytes and then refuses more, so that the `Debug` of a
/// large value costs little.
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

/// Cuts a text at a number of characters.
pub(crate) fn truncate_chars(text: &mut String, chars: usize) {
    if text.len() > chars
        && let Some((end, _)) = text.char_indices().nth(chars)
    {
        text.truncate(end);
    }
}
