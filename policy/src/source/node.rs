use super::problem::{Problem, Problems};
use crate::lexer::{Lexer, Malformed, Token, TokenKind};

/// The most levels of objects and arrays in a settings file.
const MAX_DEPTH: usize = 16;

/// A value of a settings file, with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The first byte of the value.
    pub at: usize,
    /// The value.
    pub value: Value,
}

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// An object, in the order of the text.
    Object(Vec<Member>),
    /// An array.
    Array(Vec<Node>),
    /// A string.
    String(String),
    /// A number.
    Number(f64),
    /// `true` or `false`.
    Boolean(bool),
    /// `null`.
    Null,
}

/// A member of an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// The first byte of the name, which is its quote.
    pub at: usize,
    /// The name.
    pub name: String,
    /// The value.
    pub node: Node,
}

impl Node {
    /// Reads a whole text.
    ///
    /// # Errors
    /// The text is not JSON, or has more than 16 levels.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut lexer = Lexer::new(text);
        let node = lexer
            .token()
            .and_then(|token| read(&mut lexer, token, MAX_DEPTH))
            .and_then(|node| lexer.end().map(|()| node));
        node.map_err(|malformed| problem(text, malformed))
    }

    /// The value of a member, if this is an object that has it.
    pub fn get(&self, name: &str) -> Option<&Self> {
        let Value::Object(members) = &self.value else {
            return None;
        };
        let member = members.iter().find(|member| member.name == name);
        member.map(|member| &member.node)
    }
}

impl Value {
    /// The kind of the value, with its article.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Object(_) => "an object",
            Self::Array(_) => "an array",
            Self::String(_) => "a string",
            Self::Number(_) => "a number",
            Self::Boolean(_) => "a boolean",
            Self::Null => "null",
        }
    }
}

fn problem(text: &str, malformed: Malformed) -> Problem {
    let mut problems = Problems::new(text);
    let found = text[malformed.at..].chars().next();
    let found = found.map_or("the end of the text".to_owned(), |c| {
        format!("'{}'", c.escape_debug())
    });
    problems.add(
        malformed.at,
        format_args!("found {found}, expected {}", malformed.expected),
    );
    problems.into_sorted().swap_remove(0)
}

fn read(lexer: &mut Lexer<'_>, first: Token, levels: usize) -> Result<Node, Malformed> {
    let expected = |expected| Malformed {
        at: first.start,
        expected,
    };
    let value = match first.kind {
        TokenKind::ObjectStart | TokenKind::ArrayStart if levels == 0 => {
            return Err(expected("at most 16 levels"));
        }
        TokenKind::ObjectStart => Value::Object(read_members(lexer, levels - 1)?),
        TokenKind::ArrayStart => Value::Array(read_elements(lexer, levels - 1)?),
        TokenKind::String => Value::String(lexer.string(first).into_owned()),
        TokenKind::Scalar => match lexer.text_of(first) {
            "true" => Value::Boolean(true),
            "false" => Value::Boolean(false),
            "null" => Value::Null,
            text if text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => {
                let number = text.parse().map_err(|_| expected("a number"))?;
                Value::Number(number)
            }
            _ => return Err(expected("a value; a string has quotes")),
        },
        TokenKind::ObjectEnd | TokenKind::ArrayEnd | TokenKind::Colon | TokenKind::Comma => {
            return Err(expected("a value"));
        }
    };
    Ok(Node {
        at: first.start,
        value,
    })
}

fn read_members(lexer: &mut Lexer<'_>, levels: usize) -> Result<Vec<Member>, Malformed> {
    let mut members: Vec<Member> = Vec::new();
    loop {
        let name = lexer.token()?;
        match name.kind {
            TokenKind::ObjectEnd if members.is_empty() => return Ok(members),
            TokenKind::String => {}
            _ => {
                return Err(Malformed {
                    at: name.start,
                    expected: "a name in quotes",
                });
            }
        }
        lexer.expect(TokenKind::Colon, "':'")?;
        let first = lexer.token()?;
        members.push(Member {
            at: name.start,
            name: lexer.string(name).into_owned(),
            node: read(lexer, first, levels)?,
        });
        let separator = lexer.token()?;
        match separator.kind {
            TokenKind::Comma => {}
            TokenKind::ObjectEnd => return Ok(members),
            _ => {
                return Err(Malformed {
                    at: separator.start,
                    expected: "',' or '}'",
                });
            }
        }
    }
}

fn read_elements(lexer: &mut Lexer<'_>, levels: usize) -> Result<Vec<Node>, Malformed> {
    let mut elements = Vec::new();
    loop {
        let first = lexer.token()?;
        if first.kind == TokenKind::ArrayEnd && elements.is_empty() {
            return Ok(elements);
        }
        elements.push(read(lexer, first, levels)?);
        let separator = lexer.token()?;
        match separator.kind {
            TokenKind::Comma => {}
            TokenKind::ArrayEnd => return Ok(elements),
            _ => {
                return Err(Malformed {
                    at: separator.start,
                    expected: "',' or ']'",
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn error(text: &str) -> String {
        Node::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn a_mistake_has_its_line_and_column() {
        assert_eq!(error("{\n  \"é\" 1}"), "2:7: found '1', expected ':'");
        assert_eq!(
            error("{\"a\": 1,}"),
            "1:9: found '}', expected a name in quotes"
        );
        assert_eq!(
            error("{\"a\": yes}"),
            "1:7: found 'y', expected a value; a string has quotes"
        );
        assert_eq!(error("[1 2]"), "1:4: found '2', expected ',' or ']'");
        assert_eq!(
            error("{} {}"),
            "1:4: found '{', expected the end of the text"
        );
        assert_eq!(
            error(""),
            "1:1: found the end of the text, expected more text"
        );
        assert_eq!(
            error(&"[".repeat(17)),
            "1:17: found '[', expected at most 16 levels"
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>(), json in "[\\[\\]{}:,\"\\\\u0-9a-z.é \n-]{0,60}") {
            let _ = Node::parse(&text);
            let _ = Node::parse(&json);
        }
    }
}
