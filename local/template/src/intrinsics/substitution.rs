//! `Fn::Sub`: `${Name}`, `${Resource.Attribute}`, `${AWS::Region}` and `${!Literal}`.

use super::scope::Scope;
use crate::error::Problem;
use crate::place::Place;
use crate::source::{Mapping, Node};

impl Scope<'_> {
    pub(super) fn evaluate_sub(&self, argument: &Node) -> Result<Node, Problem> {
        let (template, variables) = sub_arguments(argument)?;
        let text = template.text().unwrap_or_default();
        let mut result = String::with_capacity(text.len());
        for piece in pieces(text) {
            match piece {
                Piece::Literal(literal) => result.push_str(literal),
                Piece::Variable(name) => {
                    result.push_str(&self.variable(name, variables, template.place)?);
                }
            }
        }
        Ok(Node::string(argument.place, result))
    }

    fn variable(
        &self,
        name: &str,
        variables: Option<&Mapping>,
        place: Place,
    ) -> Result<String, Problem> {
        if let Some(value) = variables.and_then(|variables| variables.get(name)) {
            return self.text(value, &format!("'{name}' of Fn::Sub"));
        }
        match name.split_once('.') {
            // `${Function.Version}` refers to a resource that SAM generates.
            Some((id, attribute)) if !self.is_generated(name) => {
                self.attribute_value(id, attribute, place)
            }
            _ => self.name_value(name, place),
        }
    }
}

/// The text, and the variables if the argument has the long form.
pub(super) fn sub_arguments(argument: &Node) -> Result<(&Node, Option<&Mapping>), Problem> {
    if argument.text().is_some() {
        return Ok((argument, None));
    }
    if let Some([template, variables]) = argument.as_sequence()
        && template.text().is_some()
        && let Some(variables) = variables.as_mapping()
    {
        return Ok((template, Some(variables)));
    }
    Err(Problem::new(
        argument.place,
        "Fn::Sub takes a string, or a list of a string and a mapping of variables",
    ))
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'s> {
    Literal(&'s str),
    Variable(&'s str),
}

/// Splits a text into literals and variables. A `${` without `}` is literal.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let Some(length) = rest[start..].find('}') else {
            break;
        };
        let name = &rest[start + 2..start + length];
        match name.strip_prefix('!') {
            Some(_) => {
                pieces.push(Piece::Literal(&rest[..start + 2]));
                pieces.push(Piece::Literal(&rest[start + 3..=start + length]));
            }
            None => {
                pieces.push(Piece::Literal(&rest[..start]));
                pieces.push(Piece::Variable(name.trim()));
            }
        }
        rest = &rest[start + length + 1..];
    }
    pieces.push(Piece::Literal(rest));
    pieces.retain(|piece| *piece != Piece::Literal(""));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_split_into_literals_and_variables() {
        use Piece::{Literal, Variable};
        assert_eq!(
            pieces("a${B}c"),
            [Literal("a"), Variable("B"), Literal("c")]
        );
        assert_eq!(pieces("${!Kept}"), [Literal("${"), Literal("Kept}")]);
        assert_eq!(pieces("é${ B.Arn }"), [Literal("é"), Variable("B.Arn")]);
        assert_eq!(pieces("open ${ here"), [Literal("open ${ here")]);
        assert_eq!(pieces(""), []);
    }
}
