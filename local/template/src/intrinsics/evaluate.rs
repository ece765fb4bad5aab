//! Evaluates a value and every intrinsic function in it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::scope::Scope;
use crate::error::Problem;
use crate::place::Place;
use crate::source::{Entry, INTRINSIC_FUNCTIONS, Mapping, Node, Value, unknown_intrinsic};

impl Scope<'_> {
    /// The value with every function replaced by its result. `None` for `AWS::NoValue`.
    pub(crate) fn resolve(&self, node: &Node) -> Result<Option<Node>, Problem> {
        if let Some((function, argument)) = node.intrinsic() {
            return self.call(function, argument, node.place);
        }
        let value = match &node.value {
            Value::Sequence(items) => Value::Sequence(self.resolve_each(items)?),
            Value::Mapping(mapping) => {
                let mut entries = Vec::with_capacity(mapping.entries.len());
                for entry in &mapping.entries {
                    let value = self
                        .resolve(&entry.value)
                        .map_err(|problem| problem.within(&entry.key))?;
                    if let Some(value) = value {
                        entries.push(Entry {
                            key: entry.key.clone(),
                            key_place: entry.key_place,
                            value,
                        });
                    }
                }
                Value::Mapping(Mapping { entries })
            }
            scalar => scalar.clone(),
        };
        Ok(Some(Node::new(node.place, value)))
    }

    /// Like [`resolve`](Self::resolve), but leaves the functions within a mapping or list as they
    /// are.
    pub(crate) fn resolve_outermost(&self, node: &Node) -> Result<Option<Node>, Problem> {
        match node.intrinsic() {
            Some(("Fn::If", argument)) => {
                self.resolve_outermost(self.choose(argument, node.place)?)
            }
            Some(_) => self.resolve(node),
            None => Ok(Some(node.clone())),
        }
    }

    /// Returns `true` if the value is neither empty nor `AWS::NoValue`. Evaluates only `Fn::If`,
    /// so that a value that cannot be evaluated locally counts, too.
    pub(crate) fn has_value(&self, node: &Node) -> bool {
        match node.intrinsic() {
            // `check_references` reports a wrong condition.
            Some(("Fn::If", argument)) => self
                .choose(argument, node.place)
                .map_or(true, |chosen| self.has_value(chosen)),
            Some(("Ref", name)) => name.text() != Some("AWS::NoValue"),
            _ => node.value != Value::Null,
        }
    }

    fn resolve_each(&self, items: &[Node]) -> Result<Vec<Node>, Problem> {
        let mut resolved = Vec::with_capacity(items.len());
        for item in items {
            resolved.extend(self.resolve(item)?);
        }
        Ok(resolved)
    }

    /// The text of an evaluated argument. `what` names the argument in the error.
    pub(super) fn text(&self, node: &Node, what: &str) -> Result<String, Problem> {
        let resolved = self.resolve(node)?;
        match resolved.as_ref().and_then(Node::text) {
            Some(text) => Ok(text.to_owned()),
            None => {
                let kind = resolved.as_ref().map_or("an empty value", Node::kind);
                Err(Problem::new(
                    node.place,
                    format!("{what} must be a string, not {kind}"),
                ))
            }
        }
    }

    fn call(&self, function: &str, argument: &Node, place: Place) -> Result<Option<Node>, Problem> {
        match function {
            "Ref" => self.evaluate_ref(argument),
            "Fn::GetAtt" => self.evaluate_get_att(argument).map(Some),
            "Fn::Sub" => self.evaluate_sub(argument).map(Some),
            "Fn::If" => self.resolve(self.choose(argument, place)?),
            "Fn::And" | "Fn::Or" | "Fn::Not" | "Fn::Equals" => {
                let holds = self.evaluate_condition_function(function, argument, place)?;
                Ok(Some(Node::new(place, Value::Bool(holds))))
            }
            "Fn::Join" => self.join(argument).map(Some),
            "Fn::Select" => self.select(argument).map(Some),
            "Fn::Split" => self.split(argument).map(Some),
            "Fn::FindInMap" => self.find_in_map(argument),
            "Fn::Length" => self.length(argument).map(Some),
            "Fn::Base64" => Ok(Some(Node::string(
                place,
                STANDARD.encode(self.text(argument, "Fn::Base64")?),
            ))),
            "Fn::GetAZs" => {
                let zones = ["a", "b", "c"]
                    .map(|zone| Node::string(place, format!("{}{zone}", self.context.region)));
                Ok(Some(Node::new(place, Value::Sequence(zones.to_vec()))))
            }
            "Fn::ImportValue" => Err(Problem::new(
                place,
                "Fn::ImportValue needs another stack, which does not exist locally; \
                 use a parameter and set it with --parameter-overrides",
            )),
            _ if INTRINSIC_FUNCTIONS.contains(&function) => Err(Problem::new(
                place,
                format!("{function} is not supported locally; write its result instead"),
            )),
            _ => Err(unknown_intrinsic(function, place)),
        }
    }
}
