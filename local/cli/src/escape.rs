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
    let shown_as_is = |before: Option<char>, c: char| {
        kept.contains(&c) || !is_unsafe(c) || is_presentation(before, c)
    };
    let mut before = None;
    let mut characters = text.char_indices();
    let first = characters.find(|&(_, c)| !shown_as_is(before.replace(c), c));
    let Some((first, _)) = first else {
        return Cow::Borrowed(text);
    };
    let (harmless, rest) = text.split_at(first);
    let mut escaped = String::with_capacity(text.len() + 16);
    escaped.push_str(harmless);
    let mut before = harmless.chars().next_back();
    for c in rest.chars() {
        if shown_as_is(before.replace(c), c) {
            escaped.push(c);
        } else {
            push_escaped(&mut escaped, c);
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
/// text, are invisible or look like nothing.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || is_default_ignorable(c)
        || matches!(
            c,
            // Line and paragraph separator.
            '\u{2028}' | '\u{2029}'
            // Annotations.
            | '\u{fff9}'
                ..='\u{fffb}'
            // Blank: Braille pattern, Khitan filler, hieroglyphs, musical null notehead.
            | '\u{2800}' | '\u{16fe4}' | '\u{13441}' | '\u{13442}' | '\u{1d159}'
        )
}

/// Unicode's `Default_Ignorable_Code_Point` (Unicode 16, DerivedCoreProperties.txt): a program
/// that does not support the character shows nothing. Among them are the soft hyphen, Hangul
/// fillers, bidirectional controls, zero-width spaces and joiners, variation selectors, and tags.
fn is_default_ignorable(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// True for a selector of text or emoji after a symbol, as in most emoji. After a letter or
/// another selector it would hide.
fn is_presentation(before: Option<char>, c: char) -> bool {
    matches!(c, '\u{fe0e}' | '\u{fe0f}')
        && before.is_some_and(|before| !before.is_alphabetic() && !is_unsafe(before))
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
            ('\u{ad}', "\\u00ad"),
            ('\u{34f}', "\\u034f"),
            ('\u{115f}', "\\u115f"),
            ('\u{2065}', "\\u2065"),
            ('\u{2800}', "\\u2800"),
            ('\u{3164}', "\\u3164"),
            ('\u{fe00}', "\\ufe00"),
            ('\u{fe0f}', "\\ufe0f"),
            ('\u{ffa0}', "\\uffa0"),
            ('\u{1d159}', "\\ud834\\udd59"),
            ('\u{e0100}', "\\udb40\\udd00"),
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
    fn a_selector_of_emoji_stays_after_a_symbol_only() {
        for emoji in ["\u{2764}\u{fe0f}", "1\u{fe0f}\u{20e3}", "\u{2709}\u{fe0e}"] {
            assert_eq!(escape(emoji, &[]), emoji);
            let twice = emoji.replace('\u{fe0f}', "\u{fe0f}\u{fe0f}");
            let escaped = emoji.replace('\u{fe0f}', "\u{fe0f}\\ufe0f");
            assert_eq!(escape(&twice, &[]), escaped);
        }
        assert_eq!(escape("\u{fe0f}", &[]), "\\ufe0f");
        assert_eq!(escape("\u{2800}\u{fe0f}", &[]), "\\u2800\\ufe0f");
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
