//! Checks that every name in a value exists, even if the value is not used locally:
//! otherwise the template could not be deployed.

use super::attribute::check_attribute;
use super::scope::{PSEUDO_PARAMETERS, Scope};
use super::substitution::{Piece, pieces, sub_arguments};
use crate::error::Problem;
use crate::place::Place;
use crate::source::{INTRINSIC_FUNCTIONS, Mapping, Node, Value, unknown_intrinsic};

/// The unknown names in `node`. `subject` is the part of the template that the errors name.
pub(crate) fn check_references(scope: &Scope<'_>, subject: &str, node: &Node) -> Vec<Problem> {
    let mut check = Check {
        scope,
        problems: Vec::new(),
    };
    check.node(node, subject);
    check.problems
}

struct Check<'s, 't> {
    scope: &'s Scope<'t>,
    problems: Vec<Problem>,
}

impl Check<'_, '_> {
    fn node(&mut self, node: &Node, subject: &str) {
        if let Some((function, argument)) = node.intrinsic() {
            self.function(function, argument, node.place, subject);
            return;
        }
        match &node.value {
            Value::Sequence(items) => items.iter().for_each(|item| self.node(item, subject)),
            Value::Mapping(mapping) => {
                for entry in &mapping.entries {
                    self.node(&entry.value, &format!("{subject}.{}", entry.key));
                }
            }
            _ => {}
        }
    }

    fn function(&mut self, function: &str, argument: &Node, place: Place, subject: &str) {
        match function {
            "Ref" => {
                if let Some(name) = argument.text() {
                    self.name(name, argument.place, subject);
                }
            }
            "Fn::GetAtt" => {
                let path = match argument.as_sequence() {
                    Some([id, attribute]) => id.text().zip(attribute.text()),
                    Some(_) => None,
                    None => argument.text().and_then(|text| text.split_once('.')),
                };
                if let Some((id, attribute)) = path {
                    self.attribute(id, attribute, argument.place, subject);
                }
            }
            "Fn::Sub" => match sub_arguments(argument) {
                Ok((template, variables)) => self.substitution(template, variables, subject),
                Err(problem) => self.problem(problem, subject),
            },
            "Fn::If" => {
                if let Some([condition, values @ ..]) = argument.as_sequence() {
                    if let Some(name) = condition.text()
                        && self
                            .scope
                            .conditions
                            .is_none_or(|conditions| conditions.get(name).is_none())
                    {
                        self.problem(self.scope.unknown_condition(name, condition.place), subject);
                    }
                    values.iter().for_each(|value| self.node(value, subject));
                }
            }
            // Its parameters are those of a macro.
            "Fn::Transform" => {}
            _ if INTRINSIC_FUNCTIONS.contains(&function) => self.node(argument, subject),
            _ => self.problem(unknown_intrinsic(function, place), subject),
        }
    }

    fn substitution(&mut self, template: &Node, variables: Option<&Mapping>, subject: &str) {
        for entry in variables
            .into_iter()
            .flat_map(|variables| &variables.entries)
        {
            self.node(&entry.value, subject);
        }
        for piece in pieces(template.text().unwrap_or_default()) {
            let Piece::Variable(name) = piece else {
                continue;
            };
            if variables.is_some_and(|variables| variables.get(name).is_some()) {
                continue;
            }
            match name.split_once('.') {
                Some((id, attribute)) if !self.scope.is_generated(name) => {
                    self.attribute(id, attribute, template.place, subject);
                }
                _ => self.name(name, template.place, subject),
            }
        }
    }

    fn name(&mut self, name: &str, place: Place, subject: &str) {
        let scope = self.scope;
        let exists = scope.parameters.contains_key(name)
            || PSEUDO_PARAMETERS.contains(&name)
            || scope.resource(name).is_some()
            || scope.is_generated(name);
        if !exists {
            self.problem(scope.unknown_name(name, place), subject);
        }
    }

    fn attribute(&mut self, id: &str, attribute: &str, place: Place, subject: &str) {
        match self.scope.resource(id) {
            Some(resource) => {
                if let Err(problem) = check_attribute(resource, attribute, place) {
                    self.problem(problem, subject);
                }
            }
            None if self.scope.is_generated(id) => {}
            None => self.problem(
                self.scope.unknown_attribute_owner(id, attribute, place),
                subject,
            ),
        }
    }

    fn problem(&mut self, problem: Problem, subject: &str) {
        self.problems.push(problem.about(subject));
    }
}
