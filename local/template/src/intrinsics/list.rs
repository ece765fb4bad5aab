//! `Fn::Join`, `Fn::Select`, `Fn::Split`, `Fn::Length` and `Fn::FindInMap`.

use super::scope::Scope;
use crate::error::Problem;
use crate::source::{Mapping, Node, Value};
use crate::suggest::did_you_mean;

impl Scope<'_> {
    pub(super) fn join(&self, argument: &Node) -> Result<Node, Problem> {
        let Some([delimiter, items]) = argument.as_sequence() else {
            return Err(Problem::new(
                argument.place,
                "Fn::Join takes a list of a delimiter and a list",
            ));
        };
        let delimiter = self.text(delimiter, "the delimiter of Fn::Join")?;
        let mut texts = Vec::new();
        for item in self.items(items, "Fn::Join")? {
            texts.push(self.text(&item, "an item of Fn::Join")?);
        }
        Ok(Node::string(argument.place, texts.join(&delimiter)))
    }

    pub(super) fn select(&self, argument: &Node) -> Result<Node, Problem> {
        let Some([index, items]) = argument.as_sequence() else {
            return Err(Problem::new(
                argument.place,
                "Fn::Select takes a list of an index and a list",
            ));
        };
        let text = self.text(index, "the index of Fn::Select")?;
        let items = self.items(items, "Fn::Select")?;
        let found = text
            .parse::<usize>()
            .ok()
            .and_then(|index| items.get(index));
        found.cloned().ok_or_else(|| {
            let count = items.len();
            Problem::new(
                index.place,
                format!(
                    "'{text}' is not an index of a list with {count} items; the first index is 0"
                ),
            )
        })
    }

    pub(super) fn split(&self, argument: &Node) -> Result<Node, Problem> {
        let Some([delimiter, text]) = argument.as_sequence() else {
            return Err(Problem::new(
                argument.place,
                "Fn::Split takes a list of a delimiter and a string",
            ));
        };
        let place = text.place;
        let delimiter = self.text(delimiter, "the delimiter of Fn::Split")?;
        let text = self.text(text, "the text of Fn::Split")?;
        if delimiter.is_empty() {
            return Err(Problem::new(
                argument.place,
                "the delimiter of Fn::Split must not be empty",
            ));
        }
        let items = text
            .split(&delimiter)
            .map(|item| Node::string(place, item))
            .collect();
        Ok(Node::new(argument.place, Value::Sequence(items)))
    }

    pub(super) fn length(&self, argument: &Node) -> Result<Node, Problem> {
        let count = self.items(argument, "Fn::Length")?.len();
        Ok(Node::new(argument.place, Value::Number(count.to_string())))
    }

    /// `Fn::FindInMap: [map, first key, second key]`, and optionally `{DefaultValue: …}`.
    pub(super) fn find_in_map(&self, argument: &Node) -> Result<Option<Node>, Problem> {
        let items = argument.as_sequence().unwrap_or_default();
        let (Some([map, first, second]), default) = (items.get(..3), items.get(3)) else {
            return Err(Problem::new(
                argument.place,
                "Fn::FindInMap takes a list of a map's name and two keys",
            ));
        };
        let found = self.mappings.map_or_else(
            || {
                Err(Problem::new(
                    map.place,
                    "Fn::FindInMap needs the section Mappings, which this template lacks",
                ))
            },
            |mappings| {
                let of = self.look_up(mappings, map, "a map in Mappings")?;
                let of = self.look_up(
                    of.as_mapping().unwrap_or(&NO_ENTRIES),
                    first,
                    "a key of this map",
                )?;
                self.look_up(
                    of.as_mapping().unwrap_or(&NO_ENTRIES),
                    second,
                    "a second key of this map",
                )
            },
        );
        let default = default.and_then(|default| default.as_mapping()?.get("DefaultValue"));
        match (found, default) {
            // A mapping cannot contain functions, so the value needs no evaluation.
            (Ok(found), _) => Ok(Some(found.clone())),
            (Err(_), Some(default)) => self.resolve(default),
            (Err(problem), None) => Err(problem),
        }
    }

    fn look_up<'m>(
        &self,
        mapping: &'m Mapping,
        key: &Node,
        what: &str,
    ) -> Result<&'m Node, Problem> {
        let name = self.text(key, "a key of Fn::FindInMap")?;
        mapping.get(&name).ok_or_else(|| {
            let hint = match did_you_mean(&name, mapping.keys()) {
                hint if hint.is_empty() => {
                    let keys: Vec<&str> = mapping.keys().take(8).collect();
                    format!("; the keys are {}", keys.join(", "))
                }
                hint => hint,
            };
            Problem::new(key.place, format!("'{name}' is not {what}{hint}"))
        })
    }

    fn items(&self, node: &Node, function: &str) -> Result<Vec<Node>, Problem> {
        match self.resolve(node)? {
            Some(Node {
                value: Value::Sequence(items),
                ..
            }) => Ok(items),
            other => {
                let kind = other.as_ref().map_or("an empty value", Node::kind);
                Err(Problem::new(
                    node.place,
                    format!("{function} takes a list, not {kind}"),
                ))
            }
        }
    }
}

static NO_ENTRIES: Mapping = Mapping {
    entries: Vec::new(),
};
