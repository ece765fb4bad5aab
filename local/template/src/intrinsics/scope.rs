//! What the names in a template stand for.

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
    /// `(place, text)`, said to the user when everything is read.
    notes: RefCell<Vec<(Place, String)>>,
    /// What is being evaluated, to find circles.
    busy: RefCell<Vec<String>>,
    evaluations: Cell<usize>,
}

/// A resource as written, with Globals merged in.
#[derive(Debug, Clone)]
pub(crate) struct Resource {
    pub(crate) id: String,
    pub(crate) place: Place,
    pub(crate) kind: String,
    pub(crate) properties: Mapping,
    pub(crate) metadata: Option<Node>,
    pub(crate) condition: Option<(String, Place)>,
    /// False where its condition leaves it out.
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
            busy: RefCell::default(),
            evaluations: Cell::default(),
        }
    }

    pub(crate) fn resource(&self, id: &str) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.id == id)
    }

    pub(crate) fn note(&self, place: Place, text: impl Into<String>) {
        let note = (place, text.into());
        let mut notes = self.notes.borrow_mut();
        if !notes.iter().any(|(_, text)| *text == note.1) {
            notes.push(note);
        }
    }

    pub(crate) fn into_notes(self) -> Vec<(Place, String)> {
        let mut notes = self.notes.into_inner();
        notes.sort();
        notes
    }

    /// Evaluates `name` unless that is what is being evaluated already.
    pub(super) fn once<T>(
        &self,
        name: &str,
        place: Place,
        evaluate: impl FnOnce() -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        if let Some(start) = self.busy.borrow().iter().position(|busy| busy == name) {
            let circle = self.busy.borrow()[start..].join(" -> ");
            return Err(Problem::new(
                place,
                format!("it depends on itself: {circle} -> {name}"),
            ));
        }
        self.evaluations.set(self.evaluations.get() + 1);
        if self.busy.borrow().len() >= MAX_CHAIN || self.evaluations.get() > MAX_EVALUATIONS {
            return Err(Problem::new(
                place,
                "names here depend on each other too deeply",
            ));
        }
        self.busy.borrow_mut().push(name.to_owned());
        let result = evaluate();
        self.busy.borrow_mut().pop();
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
                format!("; it has {}{more}", shown.join(", "))
            }
            near => format!("; did you mean {}?", one_of(near)),
        };
        if name.starts_with("AWS::") {
            let hint = did_you_mean(name, PSEUDO_PARAMETERS);
            return Problem::new(
                place,
                format!("there is no pseudo parameter '{name}'{hint}"),
            );
        }
        Problem::new(
            place,
            format!("'{name}' is no parameter or resource of this template{hint}"),
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

    /// Whether SAM will make a resource of this name beside the ones that are written.
    pub(crate) fn is_generated(&self, name: &str) -> bool {
        if name == "ServerlessRestApi" || name == "ServerlessHttpApi" {
            return self
                .resources
                .iter()
                .any(|resource| resource.kind == "AWS::Serverless::Function");
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
                .filter(|resource| resource.kind.starts_with("AWS::Serverless::"))
                .any(|resource| ends_as_generated(&resource.id))
    }
}

/// How far a name may depend on a name that depends on a name, …
const MAX_CHAIN: usize = 50;

/// Names that double at each step would otherwise be evaluated without end.
const MAX_EVALUATIONS: usize = 100_000;

/// How many names an error lists when none is near.
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

/// SAM Developer Guide, "Generated CloudFormation resources": what follows the logical id
/// of the resource that they are generated for.
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
