//! The top level of a template.

use crate::error::Problem;
use crate::place::Place;
use crate::source::{Mapping, Node, Value};
use crate::suggest::did_you_mean;

pub(super) struct Sections<'t> {
    mapping: &'t Mapping,
}

impl<'t> Sections<'t> {
    pub(super) fn new(document: &'t Node) -> Result<Self, Problem> {
        match document.as_mapping() {
            Some(mapping) => Ok(Self { mapping }),
            None => Err(Problem::new(
                document.place,
                format!(
                    "a template must be a mapping with Resources, not {}",
                    document.kind()
                ),
            )),
        }
    }

    /// Reports each section that neither CloudFormation nor SAM knows.
    pub(super) fn check_names(&self, problems: &mut Vec<Problem>) {
        for entry in &self.mapping.entries {
            if SECTIONS.contains(&entry.key.as_str()) {
                continue;
            }
            let hint = match did_you_mean(&entry.key, SECTIONS) {
                hint if hint.is_empty() => format!("; the sections are {}", SECTIONS.join(", ")),
                hint => hint,
            };
            problems.push(Problem::new(
                entry.key_place,
                format!("'{}' is not a section of a template{hint}", entry.key),
            ));
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&'t Node> {
        self.mapping.get(name)
    }

    /// A section that must be a mapping. `None` if it is absent, empty or not a mapping; the
    /// last is a problem.
    pub(super) fn mapping(&self, name: &str, problems: &mut Vec<Problem>) -> Option<&'t Mapping> {
        let node = self.get(name)?;
        match &node.value {
            Value::Mapping(mapping) => Some(mapping),
            Value::Null => None,
            _ => {
                problems.push(Problem::new(
                    node.place,
                    format!("{name} must be a mapping, not {}", node.kind()),
                ));
                None
            }
        }
    }

    /// The section's place, or the template's start if the section is absent.
    pub(super) fn place(&self, name: &str) -> Place {
        self.mapping
            .entry(name)
            .map_or(Place::START, |entry| entry.key_place)
    }
}

/// CloudFormation Template Reference, "Template sections", and SAM's Globals.
const SECTIONS: [&str; 12] = [
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Globals",
    "Hooks",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
    "Transform",
];
