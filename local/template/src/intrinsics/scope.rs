//! The names of a template and their values.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use crate::error::Problem;
use crate::model::StackContext;
use crate::place::Place;
use crate::source::{Mapping, Node};
use crate::suggest::{did_you_mean, nearest, one_of};

/// Parameters, mappings, conditions and resources of one template.
pub(crate) struct Scope<'t> {
    pub(crate) context: &'t StackContext,
    pub(crate) parameters: BTreeMap<String, Node>,
    pub(super) mappings: Option<&'t Mapping>,
    pub(super) conditions: Option<&'t Mapping>,
    pub(crate) resources: Vec<Resource>,
    /// Each note with its place, for `Template::notes`.
    notes: RefCell<Vec<(Place, String)>>,
    /// The names that are being evaluated, to detect cycles.
    in_progress: RefCell<Vec<String>>,
    evaluations: Cell<usize>,
}

/// A resource before evaluation, with Globals merged in.
#[derive(Debug, Clone)]
pub(crate) struct Resource {
    pub(crate) id: String,
    pub(crate) place: Place,
    pub(crate) resource_type: String,
    pub(crate) properties: Mapping,
    pub(crate) metadata: Option<Node>,
    pub(crate) condition: Option<(String, Place)>,
    /// False if its condition is false: the resource is not created.
    pub(crate) active: bool,
}

impl<'t> Scope<'t> {
    pub(crate) fn new(
        context: &'t StackContext,
        parameters: BTreeMap<String, Node>,
        mappings: Option<&'t Mapping>,
        conditions: Option<&'t Mapping>,
    ) -> Self {
        Self {
            context,
            parameters,
            mappings,
            conditions,
            resources: Vec::new(),
            notes: RefCell::default(),
            in_progress: RefCell::default(),
            evaluations: Cell::default(),
        }
    }

    pub(crate) fn resource(&self, id: &str) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.id == id)
    }

    /// Adds a note, unless the same text was noted before.
    pub(crate) fn note(&self, place: Place, text: impl Into<String>) {
        let note = (place, text.into());
        let mut notes = self.notes.borrow_mut();
        if !notes.iter().any(|(_, text)| *text == note.1) {
            notes.push(note);
        }
    }

    /// All notes in the order of their places.
    pub(crate) fn into_notes(self) -> Vec<(Place, String)> {
        let mut notes = self.notes.into_inner();
        notes.sort();
        notes
    }

    /// Runs `evaluate`, which gives the value of `name`.
    ///
    /// # Errors
    ///
    /// The value of `name` depends on itself, or on too many other names.
    pub(super) fn evaluate_name<T>(
        &self,
        name: &str,
        place: Place,
        evaluate: impl FnOnce() -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        if let Some(start) = self
            .in_progress
            .borrow()
            .iter()
            .position(|other| other == name)
        {
            let cycle = self.in_progress.borrow()[start..].join(" -> ");
            return Err(Problem::new(
                place,
                format!("it depends on itself: {cycle} -> {name}"),
            ));
        }
        self.evaluations.set(self.evaluations.get() + 1);
        if self.in_progress.borrow().len() >= MAX_REFERENCE_DEPTH
            || self.evaluations.get() > MAX_EVALUATIONS
        {
            return Err(Problem::new(
                place,
                "the names in this value depend on each other too deeply",
            ));
        }
        self.in_progress.borrow_mut().push(name.to_owned());
        let result = evaluate();
        self.in_progress.borrow_mut().pop();
        result
    }

    /// The error for a name that is neither a parameter nor a resource.
    pub(super) fn unknown_name(&self, name: &str, place: Place) -> Problem {
        let names = self.names();
        let hint = match nearest(name, names.iter().copied()).as_slice() {
            [] if names.is_empty() => String::new(),
            [] => {
                let shown: Vec<&str> = names.iter().copied().take(MAX_LISTED_NAMES).collect();
                let more = if names.len() > shown.len() {
                    ", …"
                } else {
                    ""
                };
                format!("; the template has {}{more}", shown.join(", "))
            }
            near => format!("; did you mean {}?", one_of(near)),
        };
        if name.starts_with("AWS::") {
            let hint = did_you_mean(name, PSEUDO_PARAMETERS);
            return Problem::new(place, format!("'{name}' is not a pseudo parameter{hint}"));
        }
        Problem::new(
            place,
            format!("'{name}' is not a parameter or resource of this template{hint}"),
        )
    }

    fn names(&self) -> Vec<&str> {
        let resources = self.resources.iter().map(|resource| resource.id.as_str());
        self.parameters
            .keys()
            .map(String::as_str)
            .chain(resources)
            .collect()
    }

    /// True if SAM generates a resource with this name.
    pub(crate) fn is_generated(&self, name: &str) -> bool {
        if name == "ServerlessRestApi" || name == "ServerlessHttpApi" {
            return self
                .resources
                .iter()
                .any(|resource| resource.resource_type == "AWS::Serverless::Function");
        }
        let implicit = ["ServerlessRestApi", "ServerlessHttpApi"];
        let ends_as_generated = |id: &str| {
            name.strip_prefix(id).is_some_and(|rest| {
                GENERATED_SUFFIXES
                    .iter()
                    .any(|suffix| rest.starts_with(suffix) || rest.ends_with(suffix))
            })
        };
        implicit.iter().any(|id| ends_as_generated(id))
            || self
                .resources
                .iter()
                .filter(|resource| resource.resource_type.starts_with("AWS::Serverless::"))
                .any(|resource| ends_as_generated(&resource.id))
    }
}

/// Maximum length of a chain of names that depend on each other.
const MAX_REFERENCE_DEPTH: usize = 50;

/// Maximum number of evaluations in one template. Names that each mention the next one twice would
/// otherwise take exponential time.
const MAX_EVALUATIONS: usize = 100_000;

/// Maximum number of names in an error, if no name resembles the unknown one.
const MAX_LISTED_NAMES: usize = 8;

/// CloudFormation User Guide, "Pseudo parameters reference".
pub(crate) const PSEUDO_PARAMETERS: [&str; 8] = [
    "AWS::AccountId",
    "AWS::NotificationARNs",
    "AWS::NoValue",
    "AWS::Partition",
    "AWS::Region",
    "AWS::StackId",
    "AWS::StackName",
    "AWS::URLSuffix",
];

/// The endings of generated names, after the logical id of the SAM resource (SAM Developer
/// Guide, "Generated CloudFormation resources").
const GENERATED_SUFFIXES: [&str; 9] = [
    ".Alias",
    ".Deployment",
    ".Stage",
    ".Version",
    "Alias",
    "Deployment",
    "Role",
    "Stage",
    "Url",
];
