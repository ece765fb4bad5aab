//! Conditions: `Fn::If`, `Fn::Equals`, `Fn::And`, `Fn::Or`, `Fn::Not` and `Condition`.

use super::scope::Scope;
use crate::error::Problem;
use crate::place::Place;
use crate::source::{Mapping, Node, Value};
use crate::suggest::did_you_mean;

impl Scope<'_> {
    /// Whether the condition of that name holds.
    pub(crate) fn holds(&self, name: &str, place: Place) -> Result<bool, Problem> {
        let Some(condition) = self.conditions.and_then(|conditions| conditions.get(name)) else {
            return Err(self.unknown_condition(name, place));
        };
        self.once(name, place, || self.holds_here(condition))
            .map_err(|problem| problem.about(&format!("condition {name}")))
    }

    pub(super) fn unknown_condition(&self, name: &str, place: Place) -> Problem {
        let hint = did_you_mean(name, self.conditions.into_iter().flat_map(Mapping::keys));
        Problem::new(
            place,
            format!("'{name}' is no condition of this template{hint}"),
        )
    }

    fn holds_here(&self, node: &Node) -> Result<bool, Problem> {
        if let Some(mapping) = node.as_mapping()
            && let [entry] = mapping.entries.as_slice()
        {
            return match (entry.key.as_str(), entry.value.text()) {
                ("Condition", Some(name)) => self.holds(name, entry.value.place),
                (function, _) => self.holds_function(function, &entry.value, node.place),
            };
        }
        match node.value {
            Value::Bool(holds) => Ok(holds),
            _ => Err(Problem::new(
                node.place,
                "a condition is one of Fn::Equals, Fn::And, Fn::Or, Fn::Not, Condition",
            )),
        }
    }

    pub(super) fn holds_function(
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
                    (Some(left), Some(right)) => same(left, right),
                    (left, right) => left.is_none() && right.is_none(),
                })
            }
            ("Fn::Not", [item]) => Ok(!self.holds_here(item)?),
            ("Fn::And", [_, ..]) => all_of(items, true, |item| self.holds_here(item)),
            ("Fn::Or", [_, ..]) => {
                all_of(items, false, |item| self.holds_here(item)).map(|none| !none)
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
                    format!("'{function}' is no function of conditions{hint}"),
                ))
            }
        }
    }

    /// `Fn::If: [condition, then, else]`
    pub(super) fn choose(&self, argument: &Node, place: Place) -> Result<Option<Node>, Problem> {
        let Some([condition, then, otherwise]) = argument.as_sequence() else {
            let message =
                "Fn::If takes a list of a condition's name, a value if it holds and one if not";
            return Err(Problem::new(place, message));
        };
        let Some(name) = condition.text() else {
            return Err(Problem::new(
                condition.place,
                "Fn::If takes the name of a condition first",
            ));
        };
        let chosen = if self.holds(name, condition.place)? {
            then
        } else {
            otherwise
        };
        self.resolve(chosen)
    }
}

/// Whether all items are `wanted`; evaluates every one, so that a mistake in any is found.
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

/// Scalars are equal by their text, lists item by item.
fn same(left: &Node, right: &Node) -> bool {
    match (left.as_sequence(), right.as_sequence()) {
        (Some(left), Some(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| same(left, right))
        }
        _ => left.text().unwrap_or_default() == right.text().unwrap_or_default(),
    }
}
