use std::borrow::Cow;

/// Splits JSON text into tokens, each with its place. Accepts every valid JSON text.
#[derive(Debug, Clone)]
pub(crate) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

/// One token: the bytes `start..end` of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    ObjectStart,
    ObjectEnd,
    ArrayStart,
    ArrayEnd,
    Colon,
    Comma,
    /// A string, with its quotes.
    String,
    /// A number, `true`, `false` or `null`; not checked further.
    Scalar,
}

/// The place at which the text is not JSON, and what would be right there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub(crate) at: usize,
    pub(crate) expected: &'static str,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The next token.
    pub(crate) fn token(&mut self) -> Result<Token, Malformed> {
        let start = self.skip_whitespace();
        let bytes = self.text.as_bytes();
        let Some(&first) = bytes.get(start) else {
            return Err(malformed(start, "more text"));
        };
        let kind = match first {
            b'{' => TokenKind::ObjectStart,
            b'}' => TokenKind::ObjectEnd,
            b'[' => TokenKind::ArrayStart,
            b']' => TokenKind::ArrayEnd,
            b':' => TokenKind::Colon,
            b',' => TokenKind::Comma,
            b'"' => TokenKind::String,
            b'-' | b'0'..=b'9' | b'a'..=b'z' => TokenKind::Scalar,
            _ => return Err(malformed(start, "a value")),
        };
        let end = match kind {
            TokenKind::String => string_end(bytes, start)?,
            TokenKind::Scalar => scalar_end(bytes, start),
            _ => start + 1,
        };
        self.at = end;
        Ok(Token { kind, start, end })
    }

    /// The next token, which must be of this kind.
    pub(crate) fn expect(
        &mut self,
        kind: TokenKind,
        expected: &'static str,
    ) -> Result<Token, Malformed> {
        let token = self
            .token()
            .map_err(|error| Malformed { expected, ..error })?;
        if token.kind == kind {
            Ok(token)
        } else {
            Err(malformed(token.start, expected))
        }
    }

    /// Checks that only whitespace follows.
    pub(crate) fn end(&mut self) -> Result<(), Malformed> {
        let at = self.skip_whitespace();
        if at == self.text.len() {
            Ok(())
        } else {
            Err(malformed(at, "the end of the text"))
        }
    }

    /// Skips the value that begins with `first`. Returns the end of the value.
    ///
    /// Not recursive, because the nesting of a document has no limit. The order of tokens inside
    /// the value is not checked.
    pub(crate) fn skip_value(&mut self, first: Token) -> Result<usize, Malformed> {
        let mut depth = 0_usize;
        let mut token = first;
        loop {
            match token.kind {
                TokenKind::ObjectStart | TokenKind::ArrayStart => depth += 1,
                TokenKind::ObjectEnd | TokenKind::ArrayEnd => {
                    let closed = depth.checked_sub(1);
                    depth = closed.ok_or(malformed(token.start, "a value"))?;
                }
                TokenKind::Colon | TokenKind::Comma if depth == 0 => {
                    return Err(malformed(token.start, "a value"));
                }
                _ => {}
            }
            if depth == 0 {
                return Ok(token.end);
            }
            token = self.token()?;
        }
    }

    /// The text of a token.
    pub(crate) fn text_of(&self, token: Token) -> &'a str {
        self.text.get(token.start..token.end).unwrap_or_default()
    }

    /// The characters of a string. An escape that is no character, such as half of a surrogate
    /// pair, becomes U+FFFD: a document that contains one is still searched.
    pub(crate) fn string(&self, token: Token) -> Cow<'a, str> {
        let inner = token.start + 1..token.end.saturating_sub(1);
        unescape(self.text.get(inner).unwrap_or_default())
    }

    fn skip_whitespace(&mut self) -> usize {
        let rest = &self.text.as_bytes()[self.at..];
        let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        self.at += rest.iter().take_while(|byte| is_space(byte)).count();
        self.at
    }
}

fn malformed(at: usize, expected: &'static str) -> Malformed {
    Malformed { at, expected }
}

fn string_end(bytes: &[u8], start: usize) -> Result<usize, Malformed> {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return Ok(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    Err(malformed(start, "a string that ends with '\"'"))
}

fn scalar_end(bytes: &[u8], start: usize) -> usize {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
    let length = bytes[start..].iter().take_while(|byte| is_part(byte));
    start + length.count()
}

fn unescape(raw: &str) -> Cow<'_, str> {
    if !raw.contains('\\') {
        return Cow::Borrowed(raw);
    }
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(index) = rest.find('\\') {
        text.push_str(&rest[..index]);
        let escape = &rest[index + 1..];
        let Some(kind) = escape.chars().next() else {
            return Cow::Owned(text);
        };
        rest = &escape[kind.len_utf8()..];
        match kind {
            'b' => text.push('\u{8}'),
            'f' => text.push('\u{c}'),
            'n' => text.push('\n'),
            'r' => text.push('\r'),
            't' => text.push('\t'),
            'u' => rest = push_unicode(&mut text, rest),
            other => text.push(other),
        }
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// Appends the character of `\u`, whose digits `rest` begins with. Returns the rest after it.
fn push_unicode<'a>(text: &mut String, rest: &'a str) -> &'a str {
    let Some((unit, rest)) = hex4(rest) else {
        text.push(char::REPLACEMENT_CHARACTER);
        return rest;
    };
    let low = rest.strip_prefix("\\u").and_then(hex4);
    if let (0xd800..0xdc00, Some((low @ 0xdc00..0xe000, rest))) = (unit, low) {
        let code = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        text.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
        return rest;
    }
    text.push(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER));
    rest
}

fn hex4(text: &str) -> Option<(u32, &str)> {
    let digits = text.get(..4)?;
    let unit = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let unit = unit.then(|| u32::from_str_radix(digits, 16).ok())??;
    Some((unit, &text[4..]))
}

/// Writes a JSON string, with its quotes. Never longer than another way to write the same
/// characters, so that a document does not grow by it.
pub(crate) fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\u{1f}' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn whole(text: &str) -> Result<usize, Malformed> {
        let mut lexer = Lexer::new(text);
        let first = lexer.token()?;
        lexer.skip_value(first)
    }

    #[test]
    fn deep_nesting_is_skipped_without_recursion() {
        let text = format!("{}{}", "[".repeat(500_000), "]".repeat(500_000));
        assert_eq!(whole(&text), Ok(text.len()));
        assert!(whole(&"[".repeat(500_000)).is_err());
    }

    #[test]
    fn an_escape_that_is_no_character_is_replaced_and_the_rest_is_kept() {
        for (raw, text) in [
            (r"a\u0040b", "a@b"),
            (r"\ud83d\ude00!", "😀!"),
            (r"\ud83d!", "\u{fffd}!"),
            (r"\ude00\u0041", "\u{fffd}A"),
            (r"\ud83d\u0041", "\u{fffd}A"),
            (r"\u12", "\u{fffd}12"),
            (r"\/\n\\\x", "/\n\\x"),
        ] {
            assert_eq!(unescape(raw), text, "{raw}");
        }
    }

    proptest! {
        #[test]
        fn a_string_is_read_as_serde_json_reads_it_and_written_no_longer(text in any::<String>()) {
            let json = serde_json::to_string(&text).unwrap();
            let mut lexer = Lexer::new(&json);
            let token = lexer.token().unwrap();
            prop_assert_eq!(token.end, json.len());
            prop_assert_eq!(lexer.string(token), text.as_str());
            let mut written = String::new();
            write_string(&text, &mut written);
            prop_assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
            prop_assert!(written.len() <= json.len());
        }

        #[test]
        fn no_text_panics(text in "[\\[\\]{}:,\"\\\\u0-9a-zé \n-]{0,60}") {
            let mut lexer = Lexer::new(&text);
            while let Ok(token) = lexer.token() {
                lexer.string(token);
                let _ = lexer.clone().skip_value(token);
            }
        }
    }
}
