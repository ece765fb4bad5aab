//! Segment documents as a receiver holds them, and what tests ask of them.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;
use xray_document::Document;

/// Documents in the order in which they came.
#[derive(Debug, Clone, Default)]
pub struct Documents(Vec<Value>);

impl Documents {
    /// Adds documents; what is not JSON is kept as a string, so that it is seen.
    pub fn extend(&mut self, documents: impl IntoIterator<Item = String>) {
        let parsed = documents
            .into_iter()
            .map(|document| serde_json::from_str(&document).unwrap_or(Value::String(document)));
        self.0.extend(parsed);
    }

    /// The documents as they came.
    #[must_use]
    pub fn as_slice(&self) -> &[Value] {
        &self.0
    }

    /// The documents whose trace is `root`.
    #[must_use]
    pub fn of_trace(&self, root: &str) -> Self {
        let documents = self
            .0
            .iter()
            .filter(|document| document["trace_id"] == root);
        Self(documents.cloned().collect())
    }

    /// Those that a service sent: without what X-Ray infers of services that send none.
    #[must_use]
    pub fn without_inferred(&self) -> Self {
        let documents = self
            .0
            .iter()
            .filter(|document| document["inferred"] != true);
        Self(documents.cloned().collect())
    }

    /// Every segment and subsegment, those within others included: each with its
    /// `parent_id`, and without `subsegments`.
    #[must_use]
    pub fn flat(&self) -> Self {
        let mut flat = Vec::new();
        for document in &self.0 {
            flatten(document.clone(), &mut flat);
        }
        Self(flat)
    }

    /// Those called `name`.
    #[must_use]
    pub fn named(&self, name: &str) -> Vec<&Value> {
        self.0
            .iter()
            .filter(|document| document["name"] == name)
            .collect()
    }

    /// Those whose `origin` is the AWS resource type `origin`.
    #[must_use]
    pub fn of_origin(&self, origin: &str) -> Vec<&Value> {
        self.0
            .iter()
            .filter(|document| document["origin"] == origin)
            .collect()
    }

    /// Whether `above` is the parent of `document`, or its parent's, and so on.
    #[must_use]
    pub fn is_ancestor(&self, above: &Value, document: &Value) -> bool {
        let parent = &document["parent_id"];
        if *parent == above["id"] {
            return true;
        }
        let next = self.0.iter().find(|candidate| candidate["id"] == *parent);
        next.is_some_and(|next| self.is_ancestor(above, next))
    }

    /// The one called `name`.
    ///
    /// # Panics
    /// Where there is none, or more than one.
    #[must_use]
    pub fn one(&self, name: &str) -> &Value {
        match self.named(name)[..] {
            [document] => document,
            ref found => panic!("{} documents are called `{name}`, in\n{self}", found.len()),
        }
    }

    /// The ids, each once.
    #[must_use]
    pub fn ids(&self) -> BTreeSet<String> {
        self.0
            .iter()
            .filter_map(|document| Some(document["id"].as_str()?.to_owned()))
            .collect()
    }

    /// Asserts that each document is one that X-Ray takes.
    ///
    /// # Panics
    /// With the first that is not.
    pub fn assert_valid(&self) {
        for document in &self.0 {
            if let Err(error) = Document::parse(&document.to_string()) {
                panic!("{error}: {document:#}");
            }
        }
    }

    /// Asserts that each document is valid, and written strictly: writing it again by
    /// the rules changes nothing.
    ///
    /// # Panics
    /// With the first that is not.
    pub fn assert_strict(&self) {
        self.assert_valid();
        for document in &self.0 {
            let parsed = Document::parse(&document.to_string());
            let written = parsed.and_then(|document| document.to_json());
            let written = written.unwrap_or_else(|error| panic!("{error}: {document:#}"));
            let written: Value = serde_json::from_str(&written).unwrap_or_default();
            assert_eq!(
                &written, document,
                "a strict writer would write this document differently"
            );
        }
    }
}

impl fmt::Display for Documents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} documents:", self.0.len())?;
        // Enough to see what is wrong, where a test sends thousands.
        for document in self.0.iter().take(40) {
            writeln!(f, "  {document}")?;
        }
        Ok(())
    }
}

fn flatten(mut document: Value, flat: &mut Vec<Value>) {
    let id = document["id"].clone();
    let trace_id = document["trace_id"].clone();
    let children = document
        .as_object_mut()
        .and_then(|object| object.remove("subsegments"));
    flat.push(document);
    for mut child in children
        .and_then(|c| c.as_array().cloned())
        .unwrap_or_default()
    {
        child["parent_id"] = id.clone();
        child["trace_id"] = trace_id.clone();
        flatten(child, flat);
    }
}
