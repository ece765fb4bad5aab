//! The properties of one resource. Each is evaluated when it is read.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use crate::error::Problem;
use crate::intrinsics::{Resource, Scope};
use crate::place::Place;
use crate::source::{Mapping, Node, Value};
use crate::suggest::{did_you_mean, one_of};

pub(super) struct Properties<'s, 't> {
    pub(super) scope: &'s Scope<'t>,
    /// `ItemsFunction`, or `ItemsFunction.Environment` for nested properties.
    pub(super) owner: String,
    /// The place of the owner's name.
    pub(super) place: Place,
    mapping: Mapping,
}

impl<'s, 't> Properties<'s, 't> {
    /// The properties of a resource.
    pub(super) fn of(scope: &'s Scope<'t>, resource: &Resource) -> Self {
        Self {
            scope,
            owner: resource.id.clone(),
            place: resource.place,
            mapping: resource.properties.clone(),
        }
    }

    /// The properties in a mapping. `owner` is their owner's name in errors.
    pub(super) fn new(scope: &'s Scope<'t>, owner: String, place: Place, mapping: Mapping) -> Self {
        Self {
            scope,
            owner,
            place,
            mapping,
        }
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.mapping.keys()
    }

    /// Returns `true` if the property has a value: it is not absent, empty or `AWS::NoValue`.
    pub(super) fn has(&self, name: &str) -> bool {
        let value = self.mapping.get(name);
        value.is_some_and(|node| self.scope.has_value(node))
    }

    /// The place of the property's name, or of its owner if the property is absent.
    pub(super) fn key_place(&self, name: &str) -> Place {
        self.mapping
            .entry(name)
            .map_or(self.place, |entry| entry.key_place)
    }

    /// The evaluated value. `None` if it is absent, empty or `AWS::NoValue`.
    pub(super) fn get(&self, name: &str) -> Result<Option<Node>, Problem> {
        let Some(node) = self.mapping.get(name) else {
            return Ok(None);
        };
        let resolved = self
            .scope
            .resolve(node)
            .map_err(|problem| problem.about(&self.subject(name)))?;
        Ok(resolved.filter(|node| node.value != Value::Null))
    }

    /// The text of a scalar.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Problem> {
        self.scalar(name, "a string")
    }

    /// The text of a scalar. `expected` is what the error asks for if it is a list or mapping.
    fn scalar(&self, name: &str, expected: &str) -> Result<Option<String>, Problem> {
        let Some(node) = self.get(name)? else {
            return Ok(None);
        };
        match node.text() {
            Some(text) => Ok(Some(text.to_owned())),
            None => {
                let message = format!("must be {expected}, not {}", node.kind());
                Err(self.problem(name, node.place, &message))
            }
        }
    }

    /// Like [`text`](Self::text). The property must have a value.
    pub(super) fn required_text(&self, name: &str) -> Result<String, Problem> {
        self.text(name)?.ok_or_else(|| {
            Problem::new(self.place, format!("the property {name} is missing")).about(&self.owner)
        })
    }

    /// A text that must be one of `choices`.
    pub(super) fn choice(&self, name: &str, choices: &[&str]) -> Result<Option<String>, Problem> {
        let expected = one_of(choices);
        let Some(text) = self.scalar(name, &expected)? else {
            return Ok(None);
        };
        if choices.contains(&text.as_str()) {
            return Ok(Some(text));
        }
        let hint = did_you_mean(&text, choices.iter().copied());
        let message = format!("must be {expected}, not '{text}'{hint}");
        Err(self.problem(name, self.value_place(name), &message))
    }

    /// A whole number in `range`. `unit` is for the error.
    pub(super) fn number(
        &self,
        name: &str,
        range: RangeInclusive<u32>,
        unit: &str,
    ) -> Result<Option<u32>, Problem> {
        let expected = format!("{} to {} {unit}", range.start(), range.end());
        let Some(text) = self.scalar(name, &expected)? else {
            return Ok(None);
        };
        match text.parse() {
            Ok(number) if range.contains(&number) => Ok(Some(number)),
            _ => {
                let message = format!("must be {expected}, not '{text}'");
                Err(self.problem(name, self.value_place(name), &message))
            }
        }
    }

    /// A boolean.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Problem> {
        let choice = self.choice(name, &["true", "false"])?;
        Ok(choice.map(|text| text == "true"))
    }

    /// The items of a list; no items if the property has no value.
    pub(super) fn list(&self, name: &str) -> Result<Vec<Node>, Problem> {
        match self.get(name)? {
            None => Ok(Vec::new()),
            Some(Node {
                value: Value::Sequence(items),
                ..
            }) => Ok(items),
            Some(other) => Err(self.problem(
                name,
                other.place,
                &format!("must be a list, not {}", other.kind()),
            )),
        }
    }

    /// The properties of a mapping.
    pub(super) fn nested(&self, name: &str) -> Result<Option<Self>, Problem> {
        match self.get(name)? {
            None => Ok(None),
            Some(Node {
                value: Value::Mapping(mapping),
                ..
            }) => Ok(Some(Self::new(
                self.scope,
                self.subject(name),
                self.key_place(name),
                mapping,
            ))),
            Some(other) => Err(self.problem(
                name,
                other.place,
                &format!("must be a mapping, not {}", other.kind()),
            )),
        }
    }

    /// Like [`nested`](Self::nested), but each property is evaluated when it is read.
    pub(super) fn unevaluated_nested(&self, name: &str) -> Result<Option<Self>, Problem> {
        let mapping = self.unevaluated_mapping(name)?;
        let (owner, place) = (self.subject(name), self.key_place(name));
        Ok(mapping.map(|mapping| Self::new(self.scope, owner, place, mapping)))
    }

    /// The value without evaluation of the functions within it. `None` if it is absent or
    /// `AWS::NoValue`.
    pub(super) fn unevaluated(&self, name: &str) -> Result<Option<Node>, Problem> {
        let Some(node) = self.mapping.get(name) else {
            return Ok(None);
        };
        self.scope
            .resolve_outermost(node)
            .map_err(|problem| problem.about(&self.subject(name)))
    }

    /// A mapping without evaluation of its values. `None` if it is absent, empty or
    /// `AWS::NoValue`.
    pub(super) fn unevaluated_mapping(&self, name: &str) -> Result<Option<Mapping>, Problem> {
        let Some(node) = self.unevaluated(name)? else {
            return Ok(None);
        };
        let kind = node.kind();
        match node.value {
            Value::Mapping(mapping) => Ok(Some(mapping)),
            Value::Null => Ok(None),
            _ => Err(self.problem(name, node.place, &format!("must be a mapping, not {kind}"))),
        }
    }

    /// An error about the property `name`.
    pub(super) fn problem(&self, name: &str, place: Place, message: &str) -> Problem {
        Problem::new(place, message).about(&self.subject(name))
    }

    /// The place of the property's value, or of its owner if the property is absent.
    pub(super) fn value_place(&self, name: &str) -> Place {
        self.mapping.get(name).map_or(self.place, |node| node.place)
    }

    /// The property's name in errors and notes, such as `ItemsFunction.Timeout`.
    pub(super) fn subject(&self, name: &str) -> String {
        format!("{}.{name}", self.owner)
    }
}

/// The absolute path of a path in the template, which is relative to the template's folder.
pub(super) fn path_in(folder: &Path, path: &str) -> PathBuf {
    // `components` drops the `.` of `./src`.
    folder.join(path).components().collect()
}
