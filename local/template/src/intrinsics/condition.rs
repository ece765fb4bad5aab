//! Conditions: `Fn::If`, `Fn::Equals`, `Fn::And`, `Fn::Or`, `Fn::Not` and `Condition`.

use super::scope::Scope;
use crate::error::Problem;
use crate::place::Place;
use crate::source::{Mapping, Node, Value};
use crate::suggest::did_you_mean;

impl Scope<'_> {
    /// Evaluates the condition with this name.
    pub(crate) fn holds(&self, name: &str, place: Place) -> Result<bool, Problem> {
        let Some(condition) = self.conditions.and_then(|conditions| conditions.get(name)) else {
            return Err(self.unknown_condition(name, place));
        };
        self.evaluate_name(name, place, || self.node_holds(condition))
            .map_err(|problem| problem.about(&format!("condition {name}")))
    }

    pub(super) fn unknown_condition(&self, name: &str, place: Place) -> Problem {
        let hint = did_you_mean(name, self.conditions.into_iter().flat_map(Mapping::keys));
        Problem::new(
            place,
            format!("'{name}' is not a condition of this template{hint}"),
        )
    }

    fn node_holds(&self, node: &Node) -> Result<bool, Problem> {
        if let Some(mapping) = node.as_mapping()
            && let [entry] = mapping.entries.as_slice()
        {
            return match (entry.key.as_str(), entry.value.text()) {
                ("Condition", Some(name)) => self.holds(name, entry.value.place),
                (function, _) => {
                    self.evaluate_condition_function(function, &entry.value, node.place)
                }
            };
        }
        match node.value {
            Value::Bool(holds) => Ok(holds),
            _ => Err(Problem::new(
                node.place,
                "a condition must be Fn::Equals, Fn::And, Fn::Or, Fn::Not or Condition",
            )),
        }
    }

    pub(super) fn evaluate_condition_function(
        &self,
        function: &str,
        argument: &Node,
        place: Place,
    ) -> Result<bool, Problem> {
        let items = argument.as_sequence().unwrap_or_default();
        match (function, items) {
            ("Fn::Equals", [left, right]) => {
                let (left, right) = (self.resolve(left)?, self.resolve(right)?);
                Ok(match (&left, &right) {
                    (Some(left), Some(right)) => equal(left, right),
                    (left, right) => left.is_none() && right.is_none(),
                })
            }
            ("Fn::Not", [item]) => Ok(!self.node_holds(item)?),
            ("Fn::And", [_, ..]) => all_of(items, true, |item| self.node_holds(item)),
            ("Fn::Or", [_, ..]) => {
                all_of(items, false, |item| self.node_holds(item)).map(|none| !none)
            }
            ("Fn::Equals", _) => Err(Problem::new(place, "Fn::Equals takes a list of two values")),
            ("Fn::Not", _) => Err(Problem::new(place, "Fn::Not takes a list of one condition")),
            ("Fn::And" | "Fn::Or", _) => Err(Problem::new(
                place,
                format!("{function} takes a list of conditions"),
            )),
            _ => {
                let functions = ["Fn::Equals", "Fn::And", "Fn::Or", "Fn::Not", "Condition"];
                let hint = did_you_mean(function, functions);
                Err(Problem::new(
                    place,
                    format!("'{function}' is not a condition function{hint}"),
                ))
            }
        }
    }

    /// The value that `Fn::If: [condition, then, else]` chooses, not evaluated.
    pub(super) fn choose<'n>(&self, argument: &'n Node, place: Place) -> Result<&'n Node, Problem> {
        let Some([condition, then, otherwise]) = argument.as_sequence() else {
            let message = "Fn::If takes a list of three: a condition's name, the value if it is true, the value if it is false";
            return Err(Problem::new(place, message));
        };
        let Some(name) = condition.text() else {
            return Err(Problem::new(
                condition.place,
                "the first item of Fn::If must be the name of a condition",
            ));
        };
        Ok(if self.holds(name, condition.place)? {
            then
        } else {
            otherwise
        })
    }
}

/// True if all items are `wanted`. Evaluates every item, so that each mistake is found.
fn all_of(
    items: &[Node],
    wanted: bool,
    holds: impl Fn(&Node) -> Result<bool, Problem>,
) -> Result<bool, Problem> {
    let mut all = true;
    for item in items {
        all &= holds(item)? == wanted;
    }
    Ok(all)
}

/// Compares scalars by their text, and lists item by item.
fn equal(left: &Node, right: &Node) -> bool {
    match (left.as_sequence(), right.as_sequence()) {
        (Some(left), Some(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| equal(left, right))
        }
        _ => left.text().unwrap_or_default() == right.text().unwrap_or_default(),
    }
}
