//! Received segment documents, and the queries that tests run on them.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;
use xray_document::Document;

/// Documents in order of arrival.
#[derive(Debug, Clone, Default)]
pub struct Documents(Vec<Value>);

impl Documents {
    /// Adds documents. Invalid JSON is kept as a string, so that a failure shows it.
    pub fn extend(&mut self, documents: impl IntoIterator<Item = String>) {
        let parsed = documents
            .into_iter()
            .map(|document| serde_json::from_str(&document).unwrap_or(Value::String(document)));
        self.0.extend(parsed);
    }

    /// The documents in order of arrival.
    #[must_use]
    pub fn as_slice(&self) -> &[Value] {
        &self.0
    }

    /// The documents of the trace with the id `root`.
    #[must_use]
    pub fn of_trace(&self, root: &str) -> Self {
        let documents = self
            .0
            .iter()
            .filter(|document| document["trace_id"] == root);
        Self(documents.cloned().collect())
    }

    /// The documents without inferred segments.
    #[must_use]
    pub fn without_inferred(&self) -> Self {
        let documents = self
            .0
            .iter()
            .filter(|document| document["inferred"] != true);
        Self(documents.cloned().collect())
    }

    /// All segments and subsegments as separate documents: each with a `parent_id`, and
    /// without `subsegments`.
    #[must_use]
    pub fn flat(&self) -> Self {
        let mut flat = Vec::new();
        for document in &self.0 {
            flatten(document.clone(), &mut flat);
        }
        Self(flat)
    }

    /// The documents with the name `name`.
    #[must_use]
    pub fn named(&self, name: &str) -> Vec<&Value> {
        self.0
            .iter()
            .filter(|document| document["name"] == name)
            .collect()
    }

    /// The documents with the `origin` `origin`, an AWS resource type.
    #[must_use]
    pub fn of_origin(&self, origin: &str) -> Vec<&Value> {
        self.0
            .iter()
            .filter(|document| document["origin"] == origin)
            .collect()
    }

    /// Returns `true` if `ancestor` is the parent of `document`, the parent of its parent, and
    /// so on.
    #[must_use]
    pub fn is_ancestor(&self, ancestor: &Value, document: &Value) -> bool {
        let parent = &document["parent_id"];
        if *parent == ancestor["id"] {
            return true;
        }
        let next = self.0.iter().find(|candidate| candidate["id"] == *parent);
        next.is_some_and(|next| self.is_ancestor(ancestor, next))
    }

    /// The only document with the name `name`.
    ///
    /// # Panics
    /// If no document or several documents have the name.
    #[must_use]
    pub fn one(&self, name: &str) -> &Value {
        match self.named(name)[..] {
            [document] => document,
            ref found => panic!(
                "{} documents have the name `{name}`, in\n{self}",
                found.len()
            ),
        }
    }

    /// The distinct ids.
    #[must_use]
    pub fn ids(&self) -> BTreeSet<String> {
        self.0
            .iter()
            .filter_map(|document| Some(document["id"].as_str()?.to_owned()))
            .collect()
    }

    /// Asserts that X-Ray accepts each document.
    ///
    /// # Panics
    /// If a document is invalid.
    pub fn assert_valid(&self) {
        for document in &self.0 {
            if let Err(error) = Document::parse(&document.to_string()) {
                panic!("{error}: {document:#}");
            }
        }
    }

    /// Asserts that each document is valid and follows all rules for writers: parsing and
    /// writing it again changes nothing.
    ///
    /// # Panics
    /// If a document breaks a rule.
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
        // Some tests send thousands; 40 are enough to see the mistake.
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
