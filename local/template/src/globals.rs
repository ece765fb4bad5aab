//! `Globals`: properties that all resources of one type share.
//!
//! SAM Developer Guide, "Globals section": mappings are merged, and lists are joined with the
//! global items first. Any other value of the resource replaces the global one.
//! `Architectures` is a list, but is replaced too (serverless-application-model#3945).

use crate::error::Problem;
use crate::schema::known_properties;
use crate::source::{Mapping, Node, Value};
use crate::suggest::did_you_mean;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Globals<'t> {
    sections: Option<&'t Mapping>,
}

impl<'t> Globals<'t> {
    pub(crate) fn new(section: Option<&'t Node>, problems: &mut Vec<Problem>) -> Self {
        let sections = section.and_then(Node::as_mapping);
        if let (Some(section), None) = (section, sections) {
            problems.push(Problem::new(
                section.place,
                format!("Globals must be a mapping, not {}", section.kind()),
            ));
        }
        for entry in sections.into_iter().flat_map(|sections| &sections.entries) {
            if !SECTIONS.contains(&entry.key.as_str()) {
                let hint = match did_you_mean(&entry.key, SECTIONS) {
                    hint if hint.is_empty() => {
                        format!("; the sections are {}", SECTIONS.join(", "))
                    }
                    hint => hint,
                };
                problems.push(Problem::new(
                    entry.key_place,
                    format!("Globals has no section '{}'{hint}", entry.key),
                ));
                continue;
            }
            check_properties(&entry.key, &entry.value, problems);
        }
        Self { sections }
    }

    /// The properties of a resource with the global ones merged in, except `ignored`.
    pub(crate) fn merge(
        &self,
        resource_type: &str,
        properties: &Mapping,
        ignored: Option<&IgnoredGlobals>,
    ) -> Mapping {
        let Some((_, global)) = self.section(resource_type) else {
            return properties.clone();
        };
        let mut global = global.clone();
        match ignored {
            None => {}
            Some(IgnoredGlobals::All) => global.entries.clear(),
            Some(IgnoredGlobals::Properties(names)) => {
                global.entries.retain(|entry| !names.contains(&entry.key));
            }
        }
        merge_mappings(&global, properties)
    }

    /// Reads the attribute `IgnoreGlobals` of a resource. `None` if it is empty, or if there are
    /// no global properties for this type of resource.
    ///
    /// # Errors
    ///
    /// The value is neither `*` nor a list, or names a property that is not global. SAM rejects
    /// both (serverless-application-model, globals.py).
    pub(crate) fn ignored(
        &self,
        resource_type: &str,
        attribute: &Node,
    ) -> Result<Option<IgnoredGlobals>, Problem> {
        let Some((section, global)) = self.section(resource_type) else {
            return Ok(None);
        };
        match &attribute.value {
            Value::Null => Ok(None),
            Value::String(text) if text == "*" => Ok(Some(IgnoredGlobals::All)),
            Value::Sequence(items) => {
                let names = items.iter().map(|item| ignored_name(section, global, item));
                Ok(Some(IgnoredGlobals::Properties(
                    names.collect::<Result<_, _>>()?,
                )))
            }
            _ => {
                let wrong = match attribute.text() {
                    Some(text) => format!("'{text}'"),
                    None => attribute.kind().to_owned(),
                };
                let message = format!("must be '*' or a list of properties, not {wrong}");
                Err(Problem::new(attribute.place, message))
            }
        }
    }

    /// The name and the properties of the section for this type of resource.
    fn section<'r>(&self, resource_type: &'r str) -> Option<(&'r str, &'t Mapping)> {
        let name = resource_type.strip_prefix("AWS::Serverless::")?;
        Some((name, self.sections?.get(name)?.as_mapping()?))
    }
}

/// The value of `IgnoreGlobals`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum IgnoredGlobals {
    /// `*`
    All,
    Properties(Vec<String>),
}

fn ignored_name(section: &str, global: &Mapping, item: &Node) -> Result<String, Problem> {
    let Some(name) = item.text() else {
        let message = format!("must contain names of properties, not {}", item.kind());
        return Err(Problem::new(item.place, message));
    };
    if global.get(name).is_none() {
        let hint = match did_you_mean(name, global.keys()) {
            hint if hint.is_empty() => "; remove it here".to_owned(),
            hint => hint,
        };
        let message = format!("'{name}' is not in Globals.{section}{hint}");
        return Err(Problem::new(item.place, message));
    }
    Ok(name.to_owned())
}

fn check_properties(section: &str, value: &Node, problems: &mut Vec<Problem>) {
    let Some(properties) = value.as_mapping() else {
        problems.push(
            Problem::new(
                value.place,
                format!("must be a mapping, not {}", value.kind()),
            )
            .about(&format!("Globals.{section}")),
        );
        return;
    };
    let Some(known) = known_properties(&format!("AWS::Serverless::{section}")) else {
        return;
    };
    for entry in &properties.entries {
        let name = entry.key.as_str();
        let problem =
            |message| Problem::new(entry.key_place, message).about(&format!("Globals.{section}"));
        if NEVER_GLOBAL.contains(&(section, name)) {
            let message = format!("'{name}' cannot be in Globals; set it in each resource");
            problems.push(problem(message));
            continue;
        }
        let hint = did_you_mean(name, known.iter().copied());
        // A name that resembles no known one may be newer than the list of known ones.
        if !known.contains(&name) && !hint.is_empty() {
            let message = format!("AWS::Serverless::{section} has no property '{name}'{hint}");
            problems.push(problem(message));
        }
    }
}

fn merge_mappings(global: &Mapping, local: &Mapping) -> Mapping {
    let mut merged = global.clone();
    for entry in &local.entries {
        match merged
            .entries
            .iter_mut()
            .find(|global| global.key == entry.key)
        {
            Some(global) if entry.key == "Architectures" => *global = entry.clone(),
            Some(global) => {
                global.value = merge_values(&global.value, &entry.value);
                global.key_place = entry.key_place;
            }
            None => merged.entries.push(entry.clone()),
        }
    }
    merged
}

fn merge_values(global: &Node, local: &Node) -> Node {
    if global.intrinsic().is_some() || local.intrinsic().is_some() {
        return local.clone();
    }
    let value = match (&global.value, &local.value) {
        (Value::Mapping(global), Value::Mapping(local)) => {
            Value::Mapping(merge_mappings(global, local))
        }
        (Value::Sequence(global), Value::Sequence(local)) => {
            Value::Sequence(global.iter().chain(local).cloned().collect())
        }
        (_, local) => local.clone(),
    };
    Node::new(local.place, value)
}

/// SAM Developer Guide, "Globals section": the resources that it supports.
const SECTIONS: [&str; 10] = [
    "Api",
    "CapacityProvider",
    "Function",
    "HttpApi",
    "LayerVersion",
    "MicrovmImage",
    "NetworkConnector",
    "SimpleTable",
    "StateMachine",
    "WebSocketApi",
];

/// SAM Developer Guide, "Globals section": the properties that it does not support.
const NEVER_GLOBAL: [(&str, &str); 7] = [
    ("Function", "Role"),
    ("Function", "Policies"),
    ("Function", "FunctionName"),
    ("Function", "Events"),
    ("Api", "StageName"),
    ("Api", "DefinitionBody"),
    ("HttpApi", "StageName"),
];
