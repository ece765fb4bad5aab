//! Foreign text in a form that a terminal shows and does not obey.
//!
//! Function output, names, paths and annotations come from outside. On a terminal, a control
//! character in them can clear the screen, set the title or overwrite a line, and a
//! bidirectional control can reorder it (Unicode TR36, "Unicode Security Considerations").

use std::borrow::Cow;
use std::fmt::Write;

/// The layout of a text of several lines, for `kept` of [`escape`].
pub(crate) const LINES: &[char] = &['\n', '\t'];

/// The text with each character that is invisible or that controls a terminal in the form of
/// JSON, such as `\u001b`. The characters in `kept` stay.
///
/// Inside JSON the result is the same JSON: these characters can only be part of a string
/// there, except for the line ends between two members.
pub(crate) fn escape<'a>(text: &'a str, kept: &[char]) -> Cow<'a, str> {
    let unsafe_here = |c: char| is_unsafe(c) && !kept.contains(&c);
    if !text.contains(unsafe_here) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if unsafe_here(c) {
            push_escaped(&mut escaped, c);
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

/// A line of a function's output, [escaped](escape) except for tabs and colours.
///
/// Colours pass because developers colour their logs. They are reset at the end, so a line
/// changes its own looks and no other line's.
pub(crate) fn escape_output(line: &str) -> Cow<'_, str> {
    const KEPT: &[char] = &['\t'];
    if !line.contains(COLOR_START) {
        return escape(line, KEPT);
    }
    let mut escaped = String::with_capacity(line.len() + 16);
    let mut colored = false;
    let mut rest = line;
    while let Some(start) = rest.find(COLOR_START) {
        let (before, sequence) = rest.split_at(start);
        escaped.push_str(&escape(before, KEPT));
        let length = color_length(sequence);
        colored |= length.is_some();
        match length {
            Some(length) => escaped.push_str(&sequence[..length]),
            None => push_escaped(&mut escaped, '\u{1b}'),
        }
        rest = &sequence[length.unwrap_or(1)..];
    }
    escaped.push_str(&escape(rest, KEPT));
    if colored {
        escaped.push_str(COLOR_RESET);
    }
    Cow::Owned(escaped)
}

/// The beginning of SGR, "Select Graphic Rendition" (ECMA-48, 8.3.117), and of other sequences.
const COLOR_START: &str = "\u{1b}[";
const COLOR_RESET: &str = "\u{1b}[0m";

/// The length of the SGR sequence at the start of `text`. `None` for every other sequence,
/// also for xterm's `ESC [ > 4 m`, which changes the keyboard.
fn color_length(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix(COLOR_START)?;
    let end = parameters.find(|c: char| !matches!(c, '0'..='9' | ';' | ':'))?;
    parameters[end..]
        .starts_with('m')
        .then_some(COLOR_START.len() + end + 1)
}

/// True for control characters (C0, DEL, C1), line separators, and characters that reorder
/// text or are invisible.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            // Bidirectional: ALM, LRM, RLM, embeddings, overrides and isolates.
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            // Line and paragraph separator.
            | '\u{2028}' | '\u{2029}'
            // Zero width: spaces, joiners, invisible operators, byte order mark.
            | '\u{180e}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}' | '\u{feff}'
            // Deprecated formatting, annotations, and tags, which are invisible ASCII.
            | '\u{206a}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn push_escaped(text: &mut String, c: char) {
    // JSON writes a character beyond U+FFFF as two units of UTF-16.
    for unit in c.encode_utf16(&mut [0; 2]) {
        // Writing to a String cannot fail.
        let _ = write!(text, "\\u{unit:04x}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invisible_and_controlling_characters_become_json_escapes() {
        for (character, escaped) in [
            ('\u{0}', "\\u0000"),
            ('\u{7}', "\\u0007"),
            ('\n', "\\u000a"),
            ('\r', "\\u000d"),
            ('\u{1b}', "\\u001b"),
            ('\u{7f}', "\\u007f"),
            ('\u{9b}', "\\u009b"),
            ('\u{61c}', "\\u061c"),
            ('\u{200b}', "\\u200b"),
            ('\u{200d}', "\\u200d"),
            ('\u{200f}', "\\u200f"),
            ('\u{2028}', "\\u2028"),
            ('\u{202e}', "\\u202e"),
            ('\u{2060}', "\\u2060"),
            ('\u{2069}', "\\u2069"),
            ('\u{feff}', "\\ufeff"),
            ('\u{e0041}', "\\udb40\\udc41"),
        ] {
            let text = format!("a{character}b");
            assert_eq!(escape(&text, &[]), format!("a{escaped}b"));
            assert_eq!(escape_output(&text), format!("a{escaped}b"));
        }
    }

    #[test]
    fn text_of_every_language_stays() {
        for text in [
            "",
            "plain",
            "größer",
            "日本語　テキスト",
            "हिन्दी",
            "❤️ ─└",
            "a b",
        ] {
            assert!(matches!(escape(text, &[]), Cow::Borrowed(same) if same == text));
            assert!(matches!(escape_output(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn the_layout_of_several_lines_can_be_kept() {
        assert_eq!(escape("a\n\tb\r\n", LINES), "a\n\tb\\u000d\n");
        assert_eq!(escape("a\n\tb", &[]), "a\\u000a\\u0009b");
    }

    #[test]
    fn escaped_json_is_the_same_json() {
        let value =
            serde_json::json!({ "k\u{202e}": ["\u{1b}[2J\u{9b}\u{7f}\n\t\\", "\u{e0041}"] });
        let json = serde_json::to_string_pretty(&value).unwrap();
        let escaped = escape(&json, LINES);
        assert!(escaped.contains("k\\u202e") && escaped.contains("\\u009b\\u007f"));
        assert!(!escaped.contains(|c: char| is_unsafe(c) && c != '\n'));
        let read: serde_json::Value = serde_json::from_str(&escaped).unwrap();
        assert_eq!(read, value);
    }

    #[test]
    fn colours_of_output_pass_and_end_with_the_line() {
        for (line, shown) in [
            (
                "\u{1b}[32mINFO\u{1b}[0m ok",
                "\u{1b}[32mINFO\u{1b}[0m ok\u{1b}[0m",
            ),
            ("\u{1b}[38;5;9mred", "\u{1b}[38;5;9mred\u{1b}[0m"),
            ("\u{1b}[38:2::1:2:3mred", "\u{1b}[38:2::1:2:3mred\u{1b}[0m"),
            ("\u{1b}[m\tx", "\u{1b}[m\tx\u{1b}[0m"),
            ("\u{1b}[1m\u{9b}2J", "\u{1b}[1m\\u009b2J\u{1b}[0m"),
        ] {
            assert_eq!(escape_output(line), shown);
        }
    }

    #[test]
    fn other_sequences_of_output_are_escaped() {
        for (line, shown) in [
            ("\u{1b}[2J", "\\u001b[2J"),
            ("\u{1b}[>4;2m", "\\u001b[>4;2m"),
            ("\u{1b}[?4m", "\\u001b[?4m"),
            ("\u{1b}[1 m", "\\u001b[1 m"),
            ("\u{1b}[1", "\\u001b[1"),
            ("\u{1b}[", "\\u001b["),
            ("\u{1b}[1;é", "\\u001b[1;é"),
            ("\u{1b}]0;title\u{7}", "\\u001b]0;title\\u0007"),
            ("\u{1b}\u{1b}[2K", "\\u001b\\u001b[2K"),
            ("\u{9b}31m", "\\u009b31m"),
        ] {
            assert_eq!(escape_output(line), shown);
        }
    }
}
